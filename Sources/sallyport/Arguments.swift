import Admin
import ArgumentParser
import Config
import Glibc

/// The command line: what each command does is in a file of its own.
@main
struct Sallyport: ParsableCommand {
    static let version = "0.1.0"
    static let defaultConfiguration = "/etc/sallyport/sallyport.yaml"

    static let configuration = CommandConfiguration(
        commandName: "sallyport",
        abstract: "A SIP outbound proxy and media relay between a PBX and the Internet.",
        discussion: "Exit status: 0 done, 1 failed while running, 2 wrong usage or configuration.",
        version: version,
        subcommands: [
            RunCommand.self, CheckCommand.self, StatusCommand.self, CallsCommand.self, RegistrationsCommand.self,
            TrunksCommand.self, FlowsCommand.self, ExplainCommand.self, CertCommand.self,
        ])

    static func main() { Glibc.exit(status(of: Array(CommandLine.arguments.dropFirst()))) }

    /// Runs the command that `arguments` name and returns the process's exit status.
    static func status(of arguments: [String]) -> Int32 {
        do {
            var command = try parseAsRoot(arguments)
            try command.run()
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch let errors as ConfigurationErrors {
            return report(errors.description, status: 2)
        } catch {
            return report(error)
        }
    }

    /// ArgumentParser's own errors are wrong usage; `--help` and `--version` come as errors too.
    private static func report(_ error: any Error) -> Int32 {
        switch exitCode(for: error) {
        case .success:
            print(fullMessage(for: error))
            return 0
        case .validationFailure: return report(fullMessage(for: error), status: 2)
        default: return report("sallyport: \(error)", status: 1)
        }
    }

    private static func report(_ text: String, status: Int32) -> Int32 {
        printError(text)
        return status
    }
}
