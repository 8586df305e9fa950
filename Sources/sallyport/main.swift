import Config
import Glibc
import Logging

var configuration = try Configuration(contentsOf: CommandLine.arguments[2])
_ = try configuration.validate(on: .ofThisMachine())
exit(try Daemon(configuration: configuration, logger: Logger(label: "sallyport")).run())
