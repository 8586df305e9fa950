public import OutboundProxy
import Reactor
public import TLS

extension DeterministicCipher: TokenCipher {}

/// Whole arrays where the codec takes parts of messages.
extension TokenCodec {
    func token(for content: TokenContent, callID: [UInt8]) -> [UInt8]? { token(for: content, callID: callID[...]) }

    func content(of token: [UInt8], callID: [UInt8]) -> TokenContent? { content(of: token[...], callID: callID[...]) }
}

/// A store without a disk.
final class MemoryTokenStore: TokenStore {
    private let originals = Guarded<[TokenHandle: [UInt8]]>([:])

    var count: Int { originals.withLock { $0.count } }

    func keep(_ original: [UInt8], under handle: TokenHandle) { originals.withLock { $0[handle] = original } }

    func original(under handle: TokenHandle) -> [UInt8]? { originals.withLock { $0[handle] } }
}

/// SplitMix64: the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}

/// Random SIP URIs in every spelling that RFC 3261 §25.1 allows, and some that it does not.
struct URIGenerator {
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    /// A URI of at most 400 octets.
    mutating func next() -> [UInt8] {
        while true {
            let text = scheme() + userInfo() + host() + port() + parameters() + headers()
            if text.utf8.count <= 400 { return Array(text.utf8) }
        }
    }

    private mutating func one(of choices: [String]) -> String { choices.randomElement(using: &random) ?? "" }

    private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

    private mutating func scheme() -> String { one(of: ["sip:", "sip:", "sip:", "sips:", "SIP:", "Sips:"]) }

    private mutating func userInfo() -> String {
        if chance(15) { return "" }
        var text = one(of: ["s", "asterisk", "1000", "+15551234567", word(30, extra: "&=+$,;?/-_.!~*'()")])
        if chance(5) { text = "" }
        if chance(15) { text += ":" + word(12, extra: "&=+$,") }
        return text + "@"
    }

    private mutating func host() -> String {
        let octet = { (random: inout SeededGenerator) in String(UInt8.random(in: 0 ... .max, using: &random)) }
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<5: return (0..<4).map { _ in octet(&random) }.joined(separator: ".")
        case 5: return one(of: ["192.168.000.002", "010.1.2.3", "1.2.3", "256.1.1.1", "1.2.3.4."])
        case 6, 7: return "[" + ipv6() + "]"
        default: return one(of: ["localhost", "pbx.example.org", "PBX.Example.ORG.", "a-1.b", word(60, extra: ".-")])
        }
    }

    private mutating func ipv6() -> String {
        if chance(30) {
            return one(of: [
                "::", "::1", "fd00::2", "FD00::2", "2001:db8:0:0:0:0:0:1", "::ffff:192.0.2.1", "1::2:0:0:3",
            ])
        }
        return (0..<8).map { _ in
            chance(30) ? "0" : String(UInt16.random(in: 0 ... .max, using: &random), radix: 16, uppercase: chance(20))
        }.joined(separator: ":")
    }

    private mutating func port() -> String {
        if chance(20) { return "" }
        return ":"
            + one(of: [
                "5060", "5061", "5080", "05060", "0", "65535", String(Int.random(in: 1...65535, using: &random)),
            ])
    }

    private mutating func parameters() -> String {
        (0..<Int.random(in: 0..<4, using: &random)).map { _ in
            one(of: [
                ";transport=udp", ";transport=TCP", ";transport=tls", ";transport=sctp", ";TRANSPORT=udp", ";lr",
                ";lr=on",
                ";line=" + word(8, extra: ""), ";ob", ";obscure", ";user=phone", ";ttl=15", ";maddr=239.255.255.1",
                ";method=INVITE", ";gr", ";gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
                ";" + word(10, extra: "-.!%20"),
                ";" + word(8, extra: "") + "=" + word(90, extra: "[]/:&+$-_.!~*'()"),
                ";rinstance=" + word(16, extra: ""),
                ";empty=",
            ])
        }.joined()
    }

    private mutating func headers() -> String {
        chance(10) ? "?" + word(10, extra: "-") + "=" + word(150, extra: "[]/?:+$-_.!~*'()") : ""
    }

    private static let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

    /// Letters, digits, escapes and the octets of `extra`.
    private mutating func word(_ limit: Int, extra: String) -> String {
        let extra = Array(extra.utf8)
        var word: [UInt8] = []
        for _ in 0..<Int.random(in: 1...limit, using: &random) {
            switch random.next() % 32 {
            case 0: word += Array("%2F".utf8)
            case 1: word += Array("%c3%A4".utf8)
            case 2..<8: word += extra.randomElement(using: &random).map { [$0] } ?? []
            default: word.append(Self.letters[Int(random.next() % 62)])
            }
        }
        return String(decoding: word, as: UTF8.self)
    }
}
