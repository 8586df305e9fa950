import CAllocationCounter
import NetworkTypes
public import OutboundProxy
public import TLS

/// Calls through one proxy core; what the core does is timed, what the two ends write is not.
final class CallLoad {
    private static let inside = Listener(
        id: ListenerID(0), side: .inside, transport: .udp, local: address("192.168.0.1:5060"))
    private static let outside = Listener(
        id: ListenerID(1), side: .outside, transport: .udp, local: address("203.0.113.1:5060"))
    private let core: ProxyCore
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var outputs: [ProxyOutput] = []
    private var number = 0
    private(set) var spent = Duration.zero
    private(set) var allocations: UInt64 = 0
    private(set) var failed = 0
    private(set) var messages = 0

    init() {
        let settings = ProxySettings(
            listeners: [Self.inside, Self.outside],
            insideNetworks: ["192.168.0.0/24"].compactMap { IPNetwork($0) },
            pbxs: [PBXSettings(host: "192.168.0.2", port: 5060)], trunks: [])
        core = ProxyCore(
            settings: settings,
            tokens: TokenCodec(
                cipher: DeterministicCipher(current: DeterministicCipher.Key(randomWithID: 1)), store: EmptyStore()),
            media: NoMedia(), hash: KeyedHash(key0: 1, key1: 2))
    }

    func reset() { (spent, allocations, messages) = (.zero, 0, 0) }

    func call() {
        number += 1
        let invite = fromPBX("INVITE", "sip:bench@203.0.113.10:5060", cSeq: 1, routes: "Route: <sip:192.168.0.1;lr>")
        guard let sent = receive(invite, Self.inside, "192.168.0.2:5060").last else { return failed += 1 }
        for start in ["100 Trying", "180 Ringing", "200 OK"] {
            guard let response = receive(answer(sent, start), Self.outside, "203.0.113.10:5060").last else {
                guard start.hasPrefix("100") else { return failed += 1 }
                continue
            }
            guard start.hasPrefix("200") else { continue }
            let target = Self.value(of: "Contact: <", until: ">", in: response)
            let routes = "Route: " + Self.values(of: "Record-Route: ", in: response).reversed().joined(separator: ", ")
            _ = receive(
                fromPBX("ACK", target, cSeq: 1, routes: routes, tag: ";tag=uas\(number)"), Self.inside,
                "192.168.0.2:5060")
            let bye = fromPBX("BYE", target, cSeq: 2, routes: routes, tag: ";tag=uas\(number)")
            guard let sent = receive(bye, Self.inside, "192.168.0.2:5060").last,
                receive(answer(sent, "200 OK"), Self.outside, "203.0.113.10:5060").count == 1
            else { return failed += 1 }
        }
        now = now + .microseconds(2500)
        measure { core.handleTimeout(at: now) }
        outputs.removeAll(keepingCapacity: true)
    }

    // MARK: The core

    private func receive(_ text: String, _ listener: Listener, _ peer: String) -> [String] {
        let bytes = Array(text.utf8)
        let flow = Flow(listener: listener.id, peer: Self.address(peer))
        messages += 1
        outputs.removeAll(keepingCapacity: true)
        measure {
            core.receive(bytes, from: flow, at: now)
            core.takeOutputs(into: &outputs)
        }
        return outputs.compactMap { output in
            guard case .send(let bytes, _) = output else { return nil }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private func measure(_ work: () -> Void) {
        let before = CAllocationCounter_count()
        let clock = ContinuousClock()
        let start = clock.now
        work()
        spent += clock.now - start
        allocations += CAllocationCounter_count() - before
    }

    // MARK: The two ends

    private func fromPBX(_ method: String, _ uri: String, cSeq: Int, routes: String, tag: String = "") -> String {
        let lines = [
            "\(method) \(uri) SIP/2.0", "Via: SIP/2.0/UDP 192.168.0.2:5060;branch=z9hG4bK-\(number)-\(cSeq)-\(method)",
            "Max-Forwards: 70", routes, "From: \"Bench\" <sip:pbx@192.168.0.2:5060>;tag=uac\(number)",
            "To: <sip:bench@203.0.113.10:5060>\(tag)", "Call-ID: \(number)-12345@192.168.0.2",
            "CSeq: \(cSeq) \(method)",
        ]
        let more = [
            "Contact: <sip:pbx@192.168.0.2:5060>", "User-Agent: Asterisk PBX 22.10.1",
            "Supported: 100rel, timer, replaces, norefersub",
            "Allow: OPTIONS, INVITE, ACK, BYE, CANCEL, UPDATE, PRACK, REGISTER, SUBSCRIBE, NOTIFY, REFER, INFO",
            "Session-Expires: 1800", "Min-SE: 90",
        ]
        return (lines + (method == "INVITE" ? more : []) + ["Content-Length: 0", "", ""]).joined(separator: "\r\n")
    }

    private func answer(_ request: String, _ start: String) -> String {
        let fields = request.split(separator: "\r\n").filter { line in
            ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Record-Route:"].contains { line.hasPrefix($0) }
        }
        .map { $0.hasPrefix("To:") && !$0.contains(";tag=") ? $0 + ";tag=uas\(number)" : String($0) }
        let contact = start.hasPrefix("100") ? [] : ["Contact: <sip:bench@203.0.113.10:5060;transport=UDP>"]
        return (["SIP/2.0 \(start)"] + fields + contact + ["Content-Length: 0", "", ""]).joined(separator: "\r\n")
    }

    private static func values(of name: String, in message: String) -> [String] {
        message.split(separator: "\r\n").filter { $0.hasPrefix(name) }.flatMap {
            $0.dropFirst(name.count).split(separator: ",").map { String($0.drop { $0 == " " }) }
        }
    }

    private static func value(of start: String, until end: Character, in message: String) -> String {
        message.split(separator: "\r\n").first { $0.hasPrefix(start) }
            .map { String($0.dropFirst(start.count).prefix { $0 != end }) } ?? ""
    }

    private static func address(_ text: String) -> SocketAddress {
        guard let address = SocketAddress(text) else { preconditionFailure("\(text) is no address") }
        return address
    }
}

extension DeterministicCipher: TokenCipher {}

/// The calls have no SDP.
final class NoMedia: MediaAnchoring {
    func open(caller: MediaPeer, callee: MediaPeer, isEmergency: Bool) -> UInt64 { 1 }
    func offer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, sender: MediaPeer,
        receiver: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] { Array(body) }
    func answer(
        _ body: ArraySlice<UInt8>, session: UInt64, fromCaller: Bool, exchange: UInt64, fork: UInt32,
        sender: MediaPeer, now: Instant
    ) throws(MediaFailure) -> [UInt8] { Array(body) }
    func confirm(session: UInt64, fork: UInt32) {}
    func rollback(session: UInt64, exchange: UInt64) {}
    func close(session: UInt64) {}
}

/// No token of these calls is too long.
final class EmptyStore: TokenStore {
    func keep(_ original: [UInt8], under handle: TokenHandle) {}
    func original(under handle: TokenHandle) -> [UInt8]? { nil }
}
