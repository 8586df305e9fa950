import NetworkTypes

/// `a=setup`: which end begins the handshake (RFC 4145 §4, RFC 5763 §5).
public enum SetupAttribute: String, Hashable, Sendable, CaseIterable {
    /// The sender begins; the sender waits; the receiver chooses; nobody does for now.
    case active, passive, actpass, holdconn

    init?(_ bytes: [UInt8], _ value: Range<Int>) {
        let word = String(decoding: bytes[value].map(\.lowercased), as: UTF8.self)
        self.init(rawValue: word)
    }
}
