public import NetworkTypes
import SIP

/// What would be done with one captured message, and why, in an admin's words (design §9: `explain`).
///
/// It is no second routing: a proxy core of the same configuration is asked for its verdict, and a second one, which
/// has not seen the message, is given it, and what they say is told. Nothing is sent and no name is looked up: an address
/// of ``placeholder`` stands for what a name would lead to.
public struct Explanation: Sendable {
    /// One thing that was found out.
    public struct Step: Hashable, Sendable {
        public let topic: String
        public let text: String
    }

    /// Stands for the host behind a name (RFC 5737, RFC 3849).
    public static let placeholder = (v4: "192.0.2.1", v6: "2001:db8::1")

    public internal(set) var steps: [Step] = []
    /// What would leave: to where, in words, and the octets.
    public internal(set) var messages: [(to: String, octets: [UInt8])] = []

    /// - Parameters:
    ///   - makeCore: Gives a new core of the configuration each time.
    ///   - flow: Which listener the message came to, and from where.
    public init(of bytes: [UInt8], on flow: Flow, at now: Instant, makeCore: () -> ProxyCore) {
        let core = makeCore()
        explain(bytes, on: core.sided(flow), at: now, core, makeCore)
    }

    private mutating func explain(
        _ bytes: [UInt8], on flow: Flow, at now: Instant, _ core: ProxyCore, _ makeCore: () -> ProxyCore
    ) {
        guard let listener = core.identities[flow.listener], let message = read(bytes) else { return }
        note(
            "side",
            "\(listener.side): it comes from \(flow.peer) to our \(listener.side) listener "
                + "\(listener.transport):\(listener.local)")
        guard message.isRequest else { return explain(response: message, core) }
        let arrival = Arrival(message: message, flow: flow, listener: listener, now: now)
        admission(of: arrival, core)
        routes(of: message, core)
        switch message.method {
        case .cancel: cancel()
        case .ack: verdict(core.verdict(on: arrival), core, isACK: true)
        default: verdict(core.verdict(on: arrival), core, isACK: false)
        }
        perform(bytes, on: flow, at: now, makeCore())
    }

    mutating func note(_ topic: String, _ text: String) { steps.append(Step(topic: topic, text: text)) }

    /// As a page of text: the steps, then each message that would leave.
    public var text: String {
        let width = (steps.map(\.topic.count).max() ?? 0) + 2
        var lines = steps.map { step in
            step.topic + String(repeating: " ", count: width - step.topic.count) + step.text
        }
        for message in messages {
            lines += ["", "--- \(message.to)", String(decoding: message.octets, as: UTF8.self)]
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

// MARK: What it is

extension Explanation {
    /// The message, or what is wrong with it.
    private mutating func read(_ bytes: [UInt8]) -> Message? {
        do {
            let message = try MessageParser.parse(datagram: bytes)
            note("message", Self.title(of: message))
            if let defect = message.defect {
                let line = DefectLine.find(defect, in: bytes)
                note(
                    "defect",
                    "\(defect.reason)\(line.map { ", line \($0.number): \($0.text)" } ?? ""); "
                        + (message.isRequest
                            ? "such a request gets \(defect.status)" : "such a response is dropped"))
            }
            return message
        } catch {
            note("message", Self.words(for: error, bytes))
            return nil
        }
    }

    private static func title(of message: Message) -> String {
        let end = message.headers.first?.line.lowerBound ?? message.bytes.count
        let start = message.bytes.text(message.bytes.trimming(0..<end))
        return "\(start) (\(message.bytes.count) octets, \(message.headers.count) header fields)"
    }

    private static func words(for failure: MessageParser.Failure, _ bytes: [UInt8]) -> String {
        switch failure {
        case .keepAlive: "only line ends: a keep-alive, which is no message (RFC 5626 §3.5.1)"
        case .tooLarge: "\(bytes.count) octets; no message may have more than \(MessageParser.maximumSize)"
        case .notSIP:
            "no SIP: line 1 is no start line, or there is no Via that an answer could go back by. It is dropped, and "
                + "counted as not_sip"
        }
    }

    private mutating func explain(response message: Message, _ core: ProxyCore) {
        let isOurs = core.identities.isOurs(message.topVia, in: message.bytes)
        note(
            "decision",
            isOurs
                ? "the topmost Via is ours: it goes back where its request came from, if that request's branch "
                    + "(\(message.topVia.branch.map { message.bytes.text($0) } ?? "none")) still waits for it in the "
                    + "running process; else it is dropped, and counted as stray"
                : "the topmost Via is not ours: it answers nothing of ours and is dropped (RFC 3261 §16.7 step 3)")
    }

    private mutating func cancel() {
        note(
            "decision",
            "a CANCEL belongs to the INVITE with its branch, if that came from the same address: it gets 200, and the "
                + "INVITE's branches are cancelled. Without such an INVITE it gets 481 inside, and nothing outside")
    }
}
