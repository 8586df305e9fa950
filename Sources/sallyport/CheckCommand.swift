import Admin
import ArgumentParser
import Config
import NetworkTypes
import Reactor

/// `sallyport check`: is the file right, and what does it amount to on this machine.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Validate a configuration and print the effective one.",
        discussion: "Errors are printed as file:line:column, and the exit status is 2.")

    @Argument(help: "The configuration file.")
    var config = Sallyport.defaultConfiguration

    func run() throws {
        var configuration = try Configuration(contentsOf: config)
        let isRunning = (try? AdminClient(configuration.admin.listen, timeoutSeconds: 2).page("/healthz")) != nil
        if isRunning {
            printError("\(config): a running sallyport answers at admin.listen, so ports are not looked at")
        }
        let taken = isRunning ? nil : PortsInUse.ofThisMachine()
        for warning in try configuration.validate(on: .ofThisMachine(), isTaken: taken?.contains) {
            printError(warning.description)
        }
        print("# What \(config) amounts to on this machine.")
        print(configuration.effectiveYAML, terminator: "")
        let descriptors = try ProcessLimits.raiseFileLimit()
        let capacity = configuration.callCapacity(descriptors: descriptors)
        print("# At most \(capacity) calls at once, by media.ports, limits.calls and \(descriptors) descriptors.")
    }
}
