/// The master key and salt of one direction of an SRTP session, and the suite they are for (RFC 3711 §3.2.1).
public struct KeyingMaterial: Hashable, Sendable {
    /// The longest master key identifier that packets may carry (RFC 4568 §6.1: up to 128 octets).
    public static let maximumMKILength = 128

    public let suite: CryptoSuite
    public let key: [UInt8]
    public let salt: [UInt8]
    /// The master key identifier that every packet carries; empty without one.
    public let mki: [UInt8]

    /// Nil unless the lengths are those of the suite.
    public init?(_ suite: CryptoSuite, key: [UInt8], salt: [UInt8], mki: [UInt8] = []) {
        guard key.count == suite.keyLength, salt.count == suite.saltLength, mki.count <= Self.maximumMKILength else {
            return nil
        }
        self.suite = suite
        self.key = key
        self.salt = salt
        self.mki = mki
    }

    /// Keys from the system's random generator.
    public init(random suite: CryptoSuite) {
        var generator = SystemRandomNumberGenerator()
        func octets(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
        }
        self.suite = suite
        key = octets(suite.keyLength)
        salt = octets(suite.saltLength)
        mki = []
    }
}

extension KeyingMaterial: CustomStringConvertible {
    /// Never the keys: descriptions end up in logs.
    public var description: String { "\(suite.name) keys" }
}
