import Foundation
import Glibc
import NetworkTypes
import Testing

@Suite("The executable: start and end")
struct ProcessTests {
    @Test("SIGTERM and SIGINT end it with status 0, with a call up", arguments: [SIGTERM, SIGINT])
    func ends(signal: Int32) throws {
        let stage = try Stage()
        let process = try stage.start()
        let call = try stage.outboundCall()
        try call.talk(packets: 1)
        process.signal(signal)
        #expect(process.exitStatus(within: 30) == 0, "\(process.text)")
        #expect(stage.boundMediaPorts.isEmpty)
        #expect(process.text.contains("stopped"))
    }

    @Test("A wrong configuration ends it with status 2 and the place of each mistake")
    func wrongConfiguration() throws {
        let stage = try Stage(extra: "limits: {cals: 5}\ntrunks: [{name: a}]")
        let lines = stage.configuration.components(separatedBy: "\n").count
        let run = try ProcessProbe.run(stage)
        #expect(run.status == 2)
        #expect(run.output.contains("\(stage.file):\(lines - 2):10: unknown key 'cals'"), "\(run.output)")
        #expect(run.output.contains("\(stage.file):\(lines - 1):10: "), "\(run.output)")
    }

    @Test(
        "A missing file and wrong usage end it with status 2",
        arguments: [["run", "/nowhere.yaml"], ["run", "--insid", "::1"]])
    func wrongUsage(arguments: [String]) throws {
        let run = try ProxyProcess.run(arguments)
        #expect(run.status == 2)
        #expect(!run.output.isEmpty)
    }

    @Test("A SIP port that is taken is told with its place, and ends it with status 2")
    func takenPort() throws {
        let stage = try Stage()
        let other = try LoopbackPeer(at: stage.inside)
        let run = try ProcessProbe.run(stage)
        #expect(run.status == 2)
        #expect(run.output.contains("udp \(stage.inside) is in use by another program"), "\(run.output)")
        withExtendedLifetime(other) {}
    }

    @Test("An admin port that is taken ends it with status 1 and its name")
    func takenAdmin() throws {
        let stage = try Stage()
        try stage.start()
        let second = try Stage()
        let text = second.configuration.replacingOccurrences(of: "\(second.admin)", with: "\(stage.admin)")
        try text.write(toFile: second.file, atomically: true, encoding: .utf8)
        let run = try ProcessProbe.run(second)
        #expect(run.status == 1)
        #expect(run.output.contains("\(stage.admin)") && run.output.contains("in use"), "\(run.output)")
    }

    @Test("A state directory that can't be made ends it with status 1 and its name")
    func noState() throws {
        let stage = try Stage()
        let text = stage.configuration.replacingOccurrences(of: "\(stage.directory)/state", with: "/proc/sallyport")
        try text.write(toFile: stage.file, atomically: true, encoding: .utf8)
        let run = try ProcessProbe.run(stage)
        #expect(run.status == 1)
        #expect(run.output.contains("/proc/sallyport"), "\(run.output)")
    }
}

/// A run that is expected to end by itself.
private enum ProcessProbe {
    static func run(_ stage: Stage) throws -> (status: Int32?, output: String) {
        try ProxyProcess.run(["run", stage.file])
    }
}
