import NetworkTypes

/// A domain name that a host can have: labels of letters, digits, `-` and `_`, in lower case, without the last dot.
///
/// DNS itself allows any octet in a label (RFC 2181 §11). No SIP host and no SRV name needs them, and text without
/// escapes can be compared, printed and handed to c-ares as it is.
public struct DomainName: Hashable, Sendable, CustomStringConvertible {
    /// The name as text; empty for the root.
    public let text: String

    /// The root, which in SRV says that there is no such service (RFC 2782).
    public static let root = DomainName(unchecked: "")
    /// Octets of the longest name as text: 255 on the wire with its length octets (RFC 1035 §2.3.4).
    static let longest = 253

    /// `text` must be in lower case and made of whole labels.
    init(unchecked text: String) { self.text = text }

    /// Reads a name, with or without a dot at its end.
    public init?(_ text: some StringProtocol) {
        var octets = Array(text.utf8)
        if octets.last == UInt8(ascii: ".") { octets.removeLast() }
        guard !octets.isEmpty, octets.count <= Self.longest else { return nil }
        var length = 0
        for index in octets.indices {
            if octets[index] == UInt8(ascii: ".") {
                guard length > 0 else { return nil }
                length = 0
            } else {
                guard Self.isAllowed(octets[index]), length < 63 else { return nil }
                octets[index] = octets[index].lowercased
                length += 1
            }
        }
        guard length > 0 else { return nil }
        self.text = String(decoding: octets, as: UTF8.self)
    }

    /// Reads the host of a URI. One whose last label starts with a digit is no name (RFC 3261 §25.1, toplabel): it would be
    /// an address in some old spelling (`2130706433`, `0x7f.1`), which would slip past checks of literals.
    public init?(host: String) {
        guard let name = DomainName(host) else { return nil }
        let last = name.text.utf8.lastIndex(of: UInt8(ascii: ".")).map { name.text.utf8.index(after: $0) }
        guard let first = name.text.utf8[(last ?? name.text.startIndex)...].first, !first.isDigit else { return nil }
        self = name
    }

    static func isAllowed(_ octet: UInt8) -> Bool {
        octet.isAlphanumeric || octet == UInt8(ascii: "-") || octet == UInt8(ascii: "_")
    }

    /// The name with labels in front of it: `_sip._udp` of `example.org`. Nil where that is too long.
    func prefixed(by labels: String) -> DomainName? {
        guard text.utf8.count + labels.utf8.count + 1 <= Self.longest else { return nil }
        return DomainName(unchecked: "\(labels).\(text)")
    }

    /// Whether the name is `domain`, or ends in it.
    func isWithin(_ domain: String) -> Bool { text == domain || text.hasSuffix("." + domain) }

    public var description: String { text }
}
