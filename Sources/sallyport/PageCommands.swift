import Admin
import ArgumentParser
import Config
import NetworkTypes

/// Where the running process is asked, and how its answer is shown.
struct PageOptions: ParsableArguments {
    @Flag(help: "Print JSON.")
    var json = false
    @Option(help: ArgumentHelp("The admin address of the running process.", valueName: "host:port"))
    var admin: String?
    @Option(
        help: ArgumentHelp(
            "The configuration file that names the admin address. (default: \(Sallyport.defaultConfiguration))",
            valueName: "file"))
    var config: String?

    func validate() throws {
        if admin != nil, config != nil { throw ValidationError("Give either --admin or --config.") }
        if let admin, SocketAddress(admin) == nil {
            throw ValidationError("--admin takes an address and port such as 127.0.0.1:9060, not '\(admin)'.")
        }
    }

    /// Prints the page at `path` of the running process.
    func show(_ path: String) throws {
        let mark = path.contains("?") ? "&" : "?"
        let page = try AdminClient(try address()).page(json ? "\(path)\(mark)format=json" : path)
        print(String(decoding: page, as: UTF8.self), terminator: "")
    }

    /// Without options that of the default file, and where there is none the default of the key.
    private func address() throws -> SocketAddress {
        if let admin = admin.flatMap(SocketAddress.init) { return admin }
        if let config { return try Configuration(contentsOf: config).admin.listen }
        return (try? Configuration(contentsOf: Sallyport.defaultConfiguration))?.admin.listen
            ?? AdminConfiguration().listen
    }
}

/// `sallyport status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what the running process does.")
    @OptionGroup var options: PageOptions

    func run() throws { try options.show("/status") }
}

/// `sallyport calls`.
struct CallsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "calls", abstract: "List the calls of the running process, with the quality of their media.")
    @OptionGroup var options: PageOptions
    @Flag(help: "The last calls that failed or were refused, and why.") var failed = false

    func run() throws { try options.show(failed ? "/calls?failed=yes" : "/calls") }
}

/// `sallyport registrations`.
struct RegistrationsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "registrations", abstract: "List the registrations made through the running process.")
    @OptionGroup var options: PageOptions

    func run() throws { try options.show("/registrations") }
}

/// `sallyport trunks`.
struct TrunksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trunks", abstract: "List the trunks of the running process, configured and learned.")
    @OptionGroup var options: PageOptions

    func run() throws { try options.show("/trunks") }
}
