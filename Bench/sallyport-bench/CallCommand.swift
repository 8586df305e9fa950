import ArgumentParser
import CBench
import Foundation
import NetworkTypes

/// `sallyport-bench call`: places calls and says how they went.
struct CallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call", abstract: "Place calls with real audio through a proxy, check and measure them.",
        discussion: """
            A caller inside (the PBX) calls an answerer outside (the ITSP) through the proxy, with audio both ways; with \
            --inbound it is the other way round. \
            Exit status 0: no call failed and no packet was lost.

            One call:        sallyport-bench call --spawn sallyport
            500 at once:     sallyport-bench call --concurrent 500 --duration 30 --spawn sallyport
            Signalling:      sallyport-bench call --calls 20000 --rate 400 --no-sdp --duration 0 --pid PID
            Everything odd:  sallyport-bench call --calls 100000 --rate 500 --mix all --no-media --spawn sallyport
            """)

    @Option(help: "Calls to place.") var calls = 1
    @Option(help: "Calls placed a second.") var rate: Double?
    @Option(help: "Seconds that a call lasts.") var duration = 5.0
    @Option(help: "Have so many calls up at once, for --duration seconds.") var concurrent: Int?
    @Option(help: "Which calls: \(CallMix.allCases.map(\.rawValue).joined(separator: ", ")).") var mix = CallMix
        .answered
    @Option(help: "Seconds that it rings before the answerer answers.") var ring = 0.0
    @Option(help: "Dial this number (911 …) in each call.") var number: String?
    @Flag(help: "The ITSP calls the PBX, which registers first.") var inbound = false
    @OptionGroup var addresses: AddressOptions
    @Flag(help: "Call the answerer without a proxy: what the generator itself costs.") var direct = false
    @Option(help: "Start this sallyport executable for the run.", completion: .file()) var spawn: String?
    @Option(help: "The configuration for --spawn, instead of one made for the run.") var config: String?
    @Option(help: "Measure this running process and its children; may be repeated.") var pid: [Int32] = []
    @Option(help: "Seconds to wait before the last look at the proxy's memory; timers hold it for 32.") var settle = 0.0
    @Flag(help: "Register through the proxy first; done for a single call.") var register = false
    @Flag(help: "Play tones and listen for them; done for a single call.") var tone = false
    @Flag(help: "Describe audio, but send none.") var noMedia = false
    @Flag(help: "Calls without SDP.") var noSdp = false
    @Flag(help: "RTP inside, SRTP outside (SDES, AES_CM_128_HMAC_SHA1_80): the ITSP has nothing else.") var srtp = false
    @Option(help: "Milliseconds of audio in a packet (PCMU).") var ptime = 20
    @Flag(help: "Send RTCP reports too (another socket per end).") var rtcp = false
    @Flag(help: "Lost packets are no failure.") var allowLoss = false
    @Flag(help: "Print one JSON object.") var json = false
    @Flag(help: "No progress lines.") var quiet = false

    func validate() throws {
        if total < 1 { throw ValidationError("--calls and --concurrent count from 1.") }
        if let rate, rate <= 0 { throw ValidationError("--rate must be above 0.") }
        if duration < 0 || ring < 0 || settle < 0 { throw ValidationError("Times can't be negative.") }
        if !(10...60).contains(ptime) || ptime % 10 != 0 { throw ValidationError("--ptime is 10, 20, … 60.") }
        if srtp, inbound || direct || noSdp {
            throw ValidationError("--srtp is for calls with SDP through the proxy to the ITSP.")
        }
        if direct, spawn != nil || !pid.isEmpty { throw ValidationError("--direct has no proxy to spawn or measure.") }
    }

    private var total: Int { concurrent ?? calls }
    private var isDemonstration: Bool { total == 1 && mix == .answered }
    private var audio: CallSettings.Audio {
        if noSdp { return .none }
        if noMedia { return .describedOnly }
        return tone || isDemonstration ? .tones : .stamped
    }

    func run() throws {
        try checkDescriptors()
        let loop = try LoadLoop(settings: settings, mediaPorts: addresses.ownMediaPorts.value)
        let proxy = try spawn.map { executable in
            try SpawnedProxy(
                executable: executable, inside: addresses.proxyInside.value, outside: addresses.proxyOutside.value,
                caller: addresses.caller.value, mediaPorts: addresses.proxyMediaPorts.value, configuration: config,
                secureTrunk: srtp ? addresses.answerer.value.ip : nil)
        }
        let measured = (proxy.map { [$0.process.pid] } ?? []) + pid
        let load = CallLoad(loop: loop, plan: plan, progress: ProgressLine(isQuiet: quiet || total == 1)) {
            ProcessUsage(of: measured)
        }
        let registered = register || inbound || (isDemonstration && spawn != nil) ? Registration.run(on: loop) : nil
        if inbound, registered != true { throw BenchFailure("the PBX could not register, so nobody can call it") }
        try load.run()
        if let proxy, !proxy.process.isRunning {
            throw BenchFailure("the proxy died during the run:\n\(proxy.process.lastOutput)")
        }
        let report = CallReport(load, registered: registered, allowsLoss: allowLoss)
        print(json ? try report.json() : report.summary)
        if !report.passed { throw ExitCode(1) }
    }

    private var settings: CallSettings {
        CallSettings(
            inside: addresses.caller.value, outside: addresses.answerer.value, isInbound: inbound,
            proxy: direct ? nil : (addresses.proxyInside.value, addresses.proxyOutside.value), audio: audio,
            packetTime: ptime, sendsRTCP: rtcp, hold: concurrent == nil ? .seconds(duration) : nil,
            ring: .seconds(ring), number: number, answersSecurely: srtp)
    }

    private var plan: CallLoad.Plan {
        // Without a rate, calls that are to be up together are set up within ten seconds.
        let usual = concurrent.map { max(10, Double($0) / 10) } ?? 50
        return CallLoad.Plan(
            calls: total, rate: rate ?? usual, mix: mix, together: concurrent == nil ? nil : .seconds(duration),
            settling: .seconds(settle))
    }

    /// A socket for each end of each call that is up.
    private func checkDescriptors() throws {
        let limit = CBench_raise_descriptor_limit()
        guard audio == .stamped || audio == .tones else { return }
        let atOnce = concurrent ?? min(calls, Int((rate ?? 50) * (duration + ring + 1)))
        let sockets = atOnce * (rtcp ? 4 : 2)
        if UInt64(sockets + 64) > limit {
            throw ValidationError("\(atOnce) calls at once need \(sockets) sockets; this process may open \(limit).")
        }
    }
}
