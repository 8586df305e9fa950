import Foundation
import NetworkTypes

/// rtpengine in userspace mode, started for one run and driven by its NG protocol.
final class RTPEngine {
    let process: ChildProcess
    private let control: NGClient
    private let log: String
    private var calls: [String] = []

    /// `command` is how rtpengine is run on this machine, perhaps inside a container; options are added to it.
    init(
        command: String, control address: SocketAddress, inside: IPAddress, outside: IPAddress,
        mediaPorts: ClosedRange<UInt16>
    ) throws {
        control = try NGClient(server: address)
        log = FileManager.default.temporaryDirectory.appending(path: "sallyport-bench.rtpengine.\(getpid())").path
        let options = """
            --config-file=none --table=-1 --interface=in/\(inside) --interface=out/\(outside) --listen-ng=\(address)
            --foreground --log-stderr
            --log-level=4 --port-min=\(mediaPorts.lowerBound) --port-max=\(mediaPorts.upperBound) --num-threads=2
            --timeout=86400 --silent-timeout=86400 --delete-delay=0
            """
        let words = options.split(whereSeparator: \.isWhitespace).map { "'\($0)'" }.joined(separator: " ")
        process = try ChildProcess(["/bin/sh", "-c", "exec \(command) \(words)"], log: log)
        try waitUntilReady()
    }

    deinit {
        process.end()
        try? FileManager.default.removeItem(atPath: log)
    }

    private func waitUntilReady() throws {
        for _ in 0..<100 {
            if !process.isRunning { throw BenchFailure("rtpengine ended at once:\n\(process.lastOutput)") }
            if control.ping(within: .milliseconds(200)) { return }
        }
        throw BenchFailure("rtpengine did not answer a ping:\n\(process.lastOutput)")
    }

    /// Has rtpengine relay between the two ends of a call, which are connected to it; the answerer perhaps by SRTP.
    func anchor(_ caller: RTPStream, _ answerer: RTPStream, securely: Bool) throws {
        let (call, callerTag, answererTag) = ("bench-\(caller.call)", "c\(caller.call)", "a\(answerer.call)")
        let offer = SessionDescription.text(audioAt: caller.socket.address, packetTime: 20)
        let offered = try control.offer(call: call, from: callerTag, sdp: offer, securely: securely)
        if securely {
            answerer.security = SecureAudio(answering: offered)
            if answerer.security == nil { throw BenchFailure("rtpengine's offer has no keys for SRTP") }
        }
        calls.append(call)
        let answer = SessionDescription.text(
            audioAt: answerer.socket.address, packetTime: 20, security: answerer.security)
        let answered = try control.answer(call: call, from: callerTag, to: answererTag, sdp: answer)
        guard let towardsCaller = SessionDescription.audioAddress(in: offered),
            let towardsAnswerer = SessionDescription.audioAddress(in: answered)
        else { throw BenchFailure("rtpengine's SDP has no audio address") }
        answerer.connect(to: towardsCaller)
        caller.connect(to: towardsAnswerer)
    }

    /// Ends all calls.
    func deleteAll() {
        for call in calls { control.delete(call: call, from: "c" + call.dropFirst("bench-".count)) }
        calls = []
    }
}
