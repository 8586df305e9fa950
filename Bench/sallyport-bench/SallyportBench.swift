import ArgumentParser

@main
struct SallyportBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sallyport-bench",
        abstract: "Places calls with real audio through a SIP proxy and media relay, checks and measures them.",
        subcommands: [CallCommand.self, CompareCommand.self])
}
