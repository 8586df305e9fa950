import NetworkTypes

/// Why a value was not accepted, in words that follow a position.
public struct ValueError: Error, Hashable, Sendable {
    public let message: String

    static func wrong(_ message: String) -> ValueError { ValueError(message: message) }

    static func expected(_ what: String, _ text: String) -> ValueError {
        ValueError(message: "expected \(what), not \(text.quotedForMessage)")
    }

    static func notBuilt(_ what: String) -> ValueError { ValueError(message: "'\(what)' is not built yet") }
}

/// Readers of single values: text in, a checked value out.
enum Value {
    static func boolean(_ text: String) throws(ValueError) -> Bool {
        switch text.lowercased() {
        case "yes", "true", "on": true
        case "no", "false", "off": false
        default: throw .expected("yes or no", text)
        }
    }

    /// `auto`, or yes or no.
    static func callIDHiding(_ text: String) throws(ValueError) -> TrunkConfiguration.CallIDHiding {
        if text.lowercased() == "auto" { return .auto }
        guard let isOn = try? boolean(text) else { throw .expected("auto, yes or no", text) }
        return isOn ? .yes : .no
    }

    /// One of the words of an enumeration.
    static func word<T: RawRepresentable<String> & CaseIterable>(_ text: String) throws(ValueError) -> T {
        if let value = T(rawValue: text.lowercased()) { return value }
        throw .expected("one of \(T.allCases.map(\.rawValue).joined(separator: ", "))", text)
    }

    /// `off`, or `no`; `auto`, `optional` or `required`.
    static func srtp(_ text: String) throws(ValueError) -> SRTPPolicy {
        ["no", "false"].contains(text.lowercased()) ? .off : try word(text)
    }

    /// An address that a socket of ours can be bound to.
    static func ownAddress(_ text: String) throws(ValueError) -> IPAddress {
        guard let ip = IPAddress(text) else { throw .expected("an IP address", text) }
        if ip.isUnspecified { throw .wrong("\(ip) is no address of its own; name the interface's address") }
        if ip.isMulticast { throw .wrong("\(ip) is a multicast or broadcast address") }
        if ip.isLinkLocal, ip.family == .v6 { throw .wrong("\(ip) is link-local; name a routed address") }
        return ip
    }

    static func network(_ text: String) throws(ValueError) -> IPNetwork {
        guard let network = IPNetwork(text) else { throw .expected("a network such as 192.0.2.0/24", text) }
        return network
    }

    static func port(_ text: String) throws(ValueError) -> UInt16 {
        guard let port = number(text, in: 1...65535), let short = UInt16(exactly: port) else {
            throw .expected("a port from 1 to 65535", text)
        }
        return short
    }

    /// `10000-20000`.
    static func ports(_ text: String) throws(ValueError) -> ClosedRange<UInt16> {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard ends.count == 2 else { throw .expected("a range of ports such as 10000-20000", text) }
        let (low, high) = (try port(ends[0]), try port(ends[1]))
        guard low < high else { throw .wrong("the range \(text) ends before it begins") }
        guard low.isMultiple(of: 2) else { throw .wrong("the first port of \(text) must be even, for RTP") }
        guard low >= 1024 else { throw .wrong("\(text) contains ports below 1024") }
        guard high - low >= 3 else { throw .wrong("\(text) is too small: one call takes two pairs of ports") }
        return low...high
    }

    /// `60s`, `5m`, `12h`, `2d` or `500ms`: a whole number and a unit.
    static func duration(_ text: String) throws(ValueError) -> Duration {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard !digits.isEmpty, let count = number(String(digits), in: 0...999_999_999) else {
            throw .expected("a duration such as 60s or 500ms", text)
        }
        switch text.dropFirst(digits.count) {
        case "ms": return .milliseconds(count)
        case "s": return .seconds(count)
        case "m": return .seconds(count * 60)
        case "h": return .seconds(count * 3600)
        case "d": return .seconds(count * 86400)
        case "": throw .wrong("the duration \(text) needs a unit: ms, s, m, h or d")
        default: throw .expected("a duration such as 60s or 500ms", text)
        }
    }

    /// A duration within `range`; `what` names the range in the error.
    static func duration(_ text: String, in range: ClosedRange<Duration>) throws(ValueError) -> Duration {
        let value = try duration(text)
        guard range.contains(value) else {
            throw .wrong("\(text) is outside \(range.lowerBound.unitText) to \(range.upperBound.unitText)")
        }
        return value
    }

    /// `20/s`, `600/m`, or `none`.
    static func rate(_ text: String) throws(ValueError) -> Rate? {
        if text.lowercased() == "none" { return nil }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let count = number(parts[0], in: 1...1_000_000),
            let unit = Rate.Unit(rawValue: parts[1])
        else { throw .expected("a rate such as 20/s, or none", text) }
        return Rate(count, per: unit)
    }

    /// `auto`, or a number of `range`.
    static func count(_ text: String, in range: ClosedRange<Int>) throws(ValueError) -> Count {
        if text.lowercased() == "auto" { return .automatic }
        guard let count = number(text, in: range) else {
            throw .expected("auto or a number from \(range.lowerBound) to \(range.upperBound)", text)
        }
        return .exactly(count)
    }

    /// A number from 1, or `none`.
    static func limit(_ text: String) throws(ValueError) -> Int? {
        if text.lowercased() == "none" { return nil }
        if let number = number(text, in: 1...1_000_000) { return number }
        throw .expected("none or a number from 1 to 1000000", text)
    }

    /// An emergency number as it is dialled, or a service of RFC 5031.
    static func emergency(_ text: String) throws(ValueError) -> String {
        let text = text.lowercased()
        let service = "urn:service:"
        if text.hasPrefix(service), text.utf8.count > service.utf8.count,
            text.utf8.dropFirst(service.utf8.count).allSatisfy({ $0.isAlphanumeric || $0 == 0x2d || $0 == 0x2e })
        {
            return text
        }
        guard (2...15).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0.isDigit || [0x2a, 0x23, 0x2b].contains($0) })
        else { throw .expected("a number as it is dialled, or urn:service:…", text) }
        return text
    }

    static func whole(_ text: String, in range: ClosedRange<Int>) throws(ValueError) -> Int {
        if let number = number(text, in: range) { return number }
        throw .expected("a number from \(range.lowerBound) to \(range.upperBound)", text)
    }

    /// CS0–CS7, AF11–AF43, EF, or the number itself.
    static func codePoint(_ text: String) throws(ValueError) -> UInt8 {
        if let number = number(text, in: 0...63), let value = UInt8(exactly: number) { return value }
        guard let value = codePoints[text.uppercased()] else {
            throw .expected("a DSCP such as CS3, AF41, EF or a number up to 63", text)
        }
        return value
    }

    /// The names of RFC 2474 §4.2.2, RFC 2597 §6 and RFC 3246.
    static let codePoints: [String: UInt8] = {
        var names: [String: UInt8] = ["EF": 46]
        for precedence: UInt8 in 0...7 { names["CS\(precedence)"] = precedence * 8 }
        for group: UInt8 in 1...4 {
            for drop: UInt8 in 1...3 { names["AF\(group)\(drop)"] = group * 8 + drop * 2 }
        }
        return names
    }()

    /// An address and port: `127.0.0.1:9060` or `[::1]:9060`.
    static func socketAddress(_ text: String) throws(ValueError) -> SocketAddress {
        guard let address = SocketAddress(text), address.port != 0 else {
            throw .expected("an address and port such as 127.0.0.1:9060", text)
        }
        return address
    }

    /// A host name (RFC 1123 §2.1) or address, in lower case.
    static func domain(_ text: String) throws(ValueError) -> String {
        if let ip = IPAddress(text) { return "\(ip)" }
        let labels = text.lowercased().split(separator: ".", omittingEmptySubsequences: false)
        let isName = labels.allSatisfy { label in
            (1...63).contains(label.utf8.count)
                && label.utf8.allSatisfy { $0.isAlphanumeric || $0 == 0x2d || $0 == 0x5f }
                && label.first != "-" && label.last != "-"
        }
        guard isName, text.utf8.count <= 253, labels.last?.utf8.allSatisfy(\.isDigit) == false else {
            throw .expected("a host name or an address", text)
        }
        return text.lowercased()
    }

    /// A name for logs, labels and a header of ours.
    static func trunkName(_ text: String) throws(ValueError) -> String {
        let isPlain = text.utf8.allSatisfy { $0.isAlphanumeric || $0 == 0x2d || $0 == 0x5f || $0 == 0x2e }
        guard isPlain, (1...64).contains(text.utf8.count) else {
            throw .expected("a name of up to 64 letters, digits, '-', '_' and '.'", text)
        }
        if text.lowercased() == "phones" { throw .wrong("'phones' is the name of the remote phones; choose another") }
        return text
    }

    /// `auto` is nil: what DNS says.
    static func trunkTransport(_ text: String) throws(ValueError) -> TransportProtocol? {
        switch text.lowercased() {
        case "auto": return nil
        case "udp": return .udp
        case "tcp": return .tcp
        case "tls": return .tls
        default: throw .expected("auto, udp, tcp or tls", text)
        }
    }

    /// How often a trunk is asked; `off` is nil.
    static func qualify(_ text: String) throws(ValueError) -> Duration? {
        if ["off", "no", "false"].contains(text.lowercased()) { return nil }
        return try duration(text, in: .seconds(1)...(.seconds(3600)))
    }

    /// The user part of a SIP URI (RFC 3261 §25.1), unescaped.
    static func user(_ text: String) throws(ValueError) -> String {
        let allowed = "-_.!~*'()&=+$,;?/%".utf8
        guard (1...128).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0.isAlphanumeric || allowed.contains($0) })
        else { throw .expected("the user part of a SIP URI", text) }
        return text
    }

    /// A directory; a `redis://` address is known, but not built.
    static func state(_ text: String) throws(ValueError) -> String {
        if text.lowercased().hasPrefix("redis:") || text.lowercased().hasPrefix("rediss:") {
            throw .notBuilt("redis://")
        }
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }), !text.contains("://") else {
            throw .expected("a directory", text)
        }
        return text
    }

    /// A whole decimal number, without sign or separators.
    static func number(_ text: String, in range: ClosedRange<Int>) -> Int? {
        let bytes = Array(text.utf8)
        guard let value = bytes.decimal(bytes.indices, as: UInt64.self), let number = Int(exactly: value),
            range.contains(number)
        else { return nil }
        return number
    }
}

extension String {
    /// In quotes, cut to a readable length, without anything that could upset a terminal or a log.
    var quotedForMessage: String {
        var out = "'"
        for scalar in unicodeScalars.prefix(60) {
            switch scalar.value {
            case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029: out += "\\u{\(String(scalar.value, radix: 16))}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + (unicodeScalars.count > 60 ? "…'" : "'")
    }
}

extension Duration {
    /// With the largest unit that gives a whole number: `12h`, `90s`, `500ms`.
    var unitText: String {
        let milliseconds = nanoseconds / 1_000_000
        let seconds = milliseconds / 1000
        if !milliseconds.isMultiple(of: 1000) { return "\(milliseconds)ms" }
        if seconds == 0 || !seconds.isMultiple(of: 60) { return "\(seconds)s" }
        if !seconds.isMultiple(of: 3600) { return "\(seconds / 60)m" }
        return "\(seconds / 3600)h"
    }
}
