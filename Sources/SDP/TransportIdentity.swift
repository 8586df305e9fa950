public import NetworkTypes

/// What a session description says about its sender's end of a DTLS association: at session level for all media
/// descriptions that say nothing else themselves (RFC 8122 §5, RFC 8842 §5.1).
public struct TransportIdentity: Hashable, Sendable {
    /// The certificates that the sender may have. Those of hash functions that nobody should believe are left out.
    public internal(set) var fingerprints: [CertificateFingerprint] = []
    /// How many `a=fingerprint` lines there are.
    public internal(set) var fingerprintLines = 0
    public internal(set) var setup: SetupAttribute?
    /// The octets of `a=tls-id`: a new value asks for a new association (RFC 8842 §4).
    public internal(set) var tlsID: [UInt8]?
    /// Whether ICE finds the way (RFC 8445), so that another address is no other association.
    public internal(set) var usesICE = false

    /// One that says nothing.
    public init() {}

    /// The longest `a=tls-id` that is read.
    static let longestID = 255

    /// What a media description says, and at session level what it leaves open.
    func completed(by session: TransportIdentity) -> TransportIdentity {
        var all = self
        if fingerprintLines == 0 {
            all.fingerprints = session.fingerprints
            all.fingerprintLines = session.fingerprintLines
        }
        all.setup = setup ?? session.setup
        all.tlsID = tlsID ?? session.tlsID
        all.usesICE = usesICE || session.usesICE
        return all
    }
}

extension CertificateFingerprint {
    /// Reads `sha-256 6B:8B:…` (RFC 8122 §5); nil for another hash function, or one octet too many.
    init?(_ bytes: [UInt8], _ value: Range<Int>) {
        var words = WordScanner(value)
        let name = words.next(in: bytes)
        let known = Algorithm.allCases.first { bytes.equals(name, ignoringCase: $0.name) }
        guard let known else { return nil }
        let digits = words.next(in: bytes)
        guard digits.count == 3 * known.length - 1 else { return nil }
        var octets: [UInt8] = []
        octets.reserveCapacity(known.length)
        for start in stride(from: digits.lowerBound, to: digits.upperBound, by: 3) {
            let end = start + 2
            guard let octet = Self.octet(bytes, start),
                end == digits.upperBound || bytes[end] == UInt8(ascii: ":")
            else { return nil }
            octets.append(octet)
        }
        self.init(known, octets)
    }

    /// The octet that two digits spell.
    private static func octet(_ bytes: [UInt8], _ start: Int) -> UInt8? {
        guard let high = value(of: bytes[start]), let low = value(of: bytes[start + 1]) else { return nil }
        return high << 4 | low
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Writes the line, line end included.
    public func write(into bytes: inout [UInt8]) {
        bytes.append(contentsOf: "a=fingerprint:".utf8)
        bytes.append(contentsOf: algorithm.name.description.utf8)
        let digits: [UInt8] = Array("0123456789ABCDEF".utf8)
        for (place, octet) in octets.enumerated() {
            bytes.append(UInt8(ascii: place == 0 ? " " : ":"))
            bytes.append(digits[Int(octet >> 4)])
            bytes.append(digits[Int(octet & 15)])
        }
        bytes.append(contentsOf: "\r\n".utf8)
    }
}
