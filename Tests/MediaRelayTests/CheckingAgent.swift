import MediaRelay
import NetworkTypes
import SRTP
import STUN
import Testing

/// A full ICE agent of a test: it has a name and a password, reads ours from SDP, and sends checks from wherever it is
/// told to.
struct CheckingAgent {
    var fragment = "peer"
    var password = "a-password-of-the-peer".replacingDashes
    /// Ours, as the last body had it.
    var ourFragment = ""
    var ourPassword = ""
    var transaction: UInt64 = 0

    /// `a=` lines of an offer or answer with one candidate for RTP.
    func lines(_ host: String, _ port: Int, _ more: String...) -> [String] {
        ["ice-ufrag:\(fragment)", "ice-pwd:\(password)", "candidate:1 1 UDP 2130706431 \(host) \(port) typ host"] + more
    }

    /// Takes our name and password from a body that we wrote.
    mutating func read(_ body: String) throws {
        ourFragment = try #require(Self.value("ice-ufrag", in: body))
        ourPassword = try #require(Self.value("ice-pwd", in: body))
    }

    static func value(_ name: String, in body: String) -> String? {
        body.split(separator: "\r\n").first { $0.hasPrefix("a=\(name):") }.map { String($0.dropFirst(name.count + 3)) }
    }

    /// What is odd about a check.
    struct Kind {
        var nominates = true
        var priority: UInt32 = 1
        var role: STUNMessage.Role? = .controlling(7)
        var password: String?
        var username: String?
        var isSigned = true
        var kind = STUNMessage.Kind.request
    }

    mutating func check(_ kind: Kind = Kind()) -> [UInt8] {
        transaction += 1
        var octets = [UInt8](repeating: 0, count: 600)
        var slot = octets.mutableSpan
        var writer = STUNWriter(kind.kind, STUNTransactionID(high: 5, low: transaction), in: &slot)
        writer.addUsername(Array((kind.username ?? "\(ourFragment):\(fragment)").utf8), to: &slot)
        writer.addPriority(kind.priority, to: &slot)
        if let role = kind.role { writer.addRole(role, to: &slot) }
        if kind.nominates { writer.addUseCandidate(to: &slot) }
        let hash = HMACSHA1(key: Array((kind.password ?? ourPassword).utf8))
        if kind.isSigned { writer.sign(in: &slot) { hash?.tag(of: $0) } }
        writer.addFingerprint(to: &slot)
        let length = writer.finish(in: &slot)
        return Array(octets.prefix(length ?? 0))
    }

    /// Whether `answer` is signed with our password.
    func trusts(_ answer: [UInt8]) -> Bool {
        guard let message = STUNMessage(answer, for: .connectivityCheck), let integrity = message.integrity,
            let hash = HMACSHA1(key: Array(ourPassword.utf8))
        else { return false }
        var text = Array(answer[integrity.covered])
        text[2] = UInt8(integrity.length >> 8)
        text[3] = UInt8(integrity.length & 0xff)
        return message.hasFingerprint && hash.matches(integrity.value, of: answer.span, text: text.span)
    }
}

extension String {
    fileprivate var replacingDashes: String { String(map { $0 == "-" ? "+" : $0 }) }
}

extension AnchorScenario {
    /// Hands a datagram to one of our sockets: the octets that leave and where to, or why it was dropped.
    func deliver(
        _ packet: [UInt8], to local: String, from source: String, at seconds: Double = 0
    ) -> (octets: [UInt8], destination: String) {
        guard let channel = channels[address(local)] else { return ([], "closed") }
        var slot = packet + [UInt8](repeating: 0, count: 148)
        var span = slot.mutableSpan
        let now = Instant(nanoseconds: Int64(seconds * 1e9))
        switch channel.receive(&span, length: packet.count, from: address(source), at: now) {
        case .forward(let length, let destination, _): return (Array(slot[..<length]), destination.description)
        case .drop(let cause): return ([], "\(cause)")
        case .consumed: return ([], "consumed")
        }
    }

    /// The same, with an RTP packet of its own number.
    func media(to local: String, from source: String, at seconds: Double = 0) -> String {
        deliver(rtp(1), to: local, from: source, at: seconds).destination
    }
}
