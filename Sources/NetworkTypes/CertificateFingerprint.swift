/// The hash of a certificate that signalling names, by which the peer of a DTLS handshake is known (RFC 8122 §5).
public struct CertificateFingerprint: Hashable, Sendable {
    /// The hash functions that are believed, the weakest first. SHA-1, which may still be named, is not among them.
    public enum Algorithm: UInt8, Hashable, Sendable, CaseIterable, Comparable {
        case sha256, sha384, sha512

        /// As `a=fingerprint` spells it.
        public var name: StaticString {
            switch self {
            case .sha256: "sha-256"
            case .sha384: "sha-384"
            case .sha512: "sha-512"
            }
        }

        /// Octets of a hash.
        public var length: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }

        public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    }

    public let algorithm: Algorithm
    public let octets: [UInt8]

    /// Nil unless there are as many octets as the hash function makes.
    public init?(_ algorithm: Algorithm, _ octets: [UInt8]) {
        guard octets.count == algorithm.length else { return nil }
        self.algorithm = algorithm
        self.octets = octets
    }
}

extension Sequence<CertificateFingerprint> {
    /// Those of the strongest hash function: the others don't count (RFC 8122 §5.1), and of these any may match.
    public var strongest: Set<CertificateFingerprint> {
        guard let algorithm = self.map(\.algorithm).max() else { return [] }
        return Set(filter { $0.algorithm == algorithm })
    }
}
