import NetworkTypes

/// What an ICE agent of ours is called on one leg, and what checks to it are signed with (RFC 8445 §5.3).
public struct ICECredentials: Hashable, Sendable {
    /// The user name fragment (`ice-ufrag`).
    public let fragment: [UInt8]
    /// The password (`ice-pwd`).
    public let password: [UInt8]

    private static let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    public init(fragment: [UInt8], password: [UInt8]) {
        self.fragment = fragment
        self.password = password
    }

    /// New ones from the system's generator: 48 bits of a name, 144 of a password, where 24 and 128 are asked for.
    static func random() -> ICECredentials {
        ICECredentials(fragment: word(8), password: word(24))
    }

    private static func word(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in characters[Int(UInt8.random(in: 0..<64))] }
    }
}

/// What was agreed on with a full agent on one leg: from then on its media comes from, and goes to, addresses that checks
/// have proved, and nowhere else.
public struct ICEParameters: Hashable, Sendable {
    public let credentials: ICECredentials
    /// The peer's user name fragment; nil before its answer.
    public let peerFragment: [UInt8]?
    /// Whether RTCP goes where RTP goes (RFC 5761).
    public var isMultiplexed = false
    /// Whether the peer is to have media: not while it is on hold by an unspecified address.
    public var takesMedia = true
    /// The side of the leg, and the addresses where nothing is ever sent to there, whoever asks from where.
    let side: Side
    let policy: MediaTargetPolicy
}
