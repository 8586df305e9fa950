import ArgumentParser
import CBench
import Foundation
import NetworkTypes

/// `sallyport-bench compare`: Sallyport and rtpengine under the same RTP.
struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare", abstract: "Send the same RTP through Sallyport and rtpengine, and compare their cost.",
        discussion: """
            Sets up the same number of calls on both, on Sallyport by SIP and on rtpengine by its NG protocol, then \
            sends through one after the other in interleaved rounds, and looks for the most each relays without loss. \
            Leave out --spawn or --rtpengine to measure the other alone.

            With --srtp the callers have RTP and the answerers SRTP (SDES, AES_CM_128_HMAC_SHA1_80), every packet is \
            verified, and packets that fail authentication, or are no RTP, show what receiving and dropping costs.

            sallyport-bench compare --spawn sallyport --rtpengine rtpengine
            """)

    @Option(help: "Start this sallyport executable.", completion: .file()) var spawn: String?
    @Option(help: "The configuration for --spawn, instead of one made for the run.") var config: String?
    @Option(help: "The command that runs rtpengine; options are added to it.") var rtpengine: String?
    @Option(help: "Where rtpengine is to listen for the NG protocol.") var rtpengineControl = Address(0x7f00_0001, 2223)
    @Option(help: "rtpengine's media ports.") var rtpenginePorts = PortRange(60000...65535)
    @Option(help: "Calls on each relay.") var calls = 500
    @Option(help: "Packets a second, several separated by commas.") var rates = "20000,40000"
    @Option(help: "Seconds at each rate.") var seconds = 5.0
    @Option(help: "Rounds, whose median counts.") var rounds = 3
    @Option(help: "Where to begin looking for the most packets a second; 0: don't look.") var mostFrom = 40000.0
    @Flag(help: "RTP inside, SRTP outside.") var srtp = false
    @OptionGroup var addresses: AddressOptions
    @Flag(help: "Print one JSON object.") var json = false
    @Flag(help: "No progress lines.") var quiet = false

    private var parsedRates: [Double] { rates.split(separator: ",").compactMap { Double($0) } }

    func validate() throws {
        if spawn == nil, rtpengine == nil { throw ValidationError("Name --spawn, --rtpengine or both.") }
        if parsedRates.isEmpty || parsedRates.contains(where: { $0 < 1 }) {
            throw ValidationError("--rates are numbers of packets a second.")
        }
        if calls < 1 || rounds < 1 || seconds <= 0 { throw ValidationError("Counts and times must be above 0.") }
    }

    func run() throws {
        if UInt64(calls * 4 + 64) > CBench_raise_descriptor_limit() {
            throw ValidationError("\(calls) calls on each relay need \(calls * 4) sockets, more than may be open.")
        }
        let settings = CallSettings(
            inside: addresses.caller.value, outside: addresses.answerer.value,
            proxy: (addresses.proxyInside.value, addresses.proxyOutside.value), audio: .stamped,
            answersSecurely: srtp)
        let loop = try LoadLoop(settings: settings, mediaPorts: addresses.ownMediaPorts.value)
        let isQuiet = quiet
        let contest = RelayContest(loop: loop) { line in
            if !isQuiet { FileHandle.standardError.write(Data((line + "\n").utf8)) }
        }
        let proxy = try spawn.map { try startSallyport($0) }
        let engine = try rtpengine.map { try startRTPEngine($0) }
        var contestants: [RelayContest.Contestant] = []
        if let proxy { contestants.append(try sallyport(proxy, loop)) }
        if let engine { contestants.append(try rtpengine(engine, loop)) }
        let report = try CompareReport(
            contest, contestants, rates: parsedRates, seconds: .seconds(seconds), rounds: rounds, mostFrom: mostFrom)
        print(json ? try report.json() : report.summary)
        engine?.deleteAll()
    }

    // MARK: Starting

    private func startSallyport(_ executable: String) throws -> SpawnedProxy {
        try SpawnedProxy(
            executable: executable, inside: addresses.proxyInside.value, outside: addresses.proxyOutside.value,
            caller: addresses.caller.value, mediaPorts: addresses.proxyMediaPorts.value, configuration: config,
            secureTrunk: srtp ? addresses.answerer.value.ip : nil)
    }

    private func startRTPEngine(_ command: String) throws -> RTPEngine {
        try RTPEngine(
            command: command, control: rtpengineControl.value, inside: addresses.proxyInside.value.ip,
            outside: addresses.proxyOutside.value.ip, mediaPorts: rtpenginePorts.value)
    }

    // MARK: Setting up the calls

    private func sallyport(_ proxy: SpawnedProxy, _ loop: LoadLoop) throws -> RelayContest.Contestant {
        let before = ProcessUsage(of: proxy.process.pid)?.memoryBytes ?? 0
        loop.caller.playsAudio = false
        loop.answerer.playsAudio = false
        for number in 1...calls {
            try loop.caller.place(UInt32(number), .answered, at: .now)
            loop.run(for: .milliseconds(2))
        }
        let end = Instant.now + .seconds(5)
        while loop.scoreboard.up < calls, Instant.now < end { loop.turn(until: end) }
        loop.run(for: .milliseconds(500))
        if loop.scoreboard.up < calls || loop.scoreboard.failed > 0 {
            let reasons = loop.scoreboard.failures.map(\.reason).joined(separator: "; ")
            throw BenchFailure("Sallyport set up \(loop.scoreboard.up) of \(calls) calls. \(reasons)")
        }
        return RelayContest.Contestant(
            name: "sallyport", pid: proxy.process.pid, streams: loop.caller.streams() + loop.answerer.streams(),
            memoryBefore: before)
    }

    private func rtpengine(_ engine: RTPEngine, _ loop: LoadLoop) throws -> RelayContest.Contestant {
        let before = ProcessUsage(of: engine.process.pid)?.memoryBytes ?? 0
        var (callers, answerers): ([RTPStream], [RTPStream]) = ([], [])
        for number in 1...calls {
            let call = UInt32(1_000_000 + number)
            let caller = try loop.media.open(call: call, end: .caller, on: addresses.caller.value.ip)
            let answerer = try loop.media.open(call: call, end: .answerer, on: addresses.answerer.value.ip)
            try engine.anchor(caller, answerer, securely: srtp)
            callers.append(caller)
            answerers.append(answerer)
        }
        return RelayContest.Contestant(
            name: "rtpengine", pid: engine.process.pid, streams: callers + answerers, memoryBefore: before)
    }
}
