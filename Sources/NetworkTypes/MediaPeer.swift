/// What signalling knows about the peer of one media leg.
public struct MediaPeer: Hashable, Sendable {
    public var side: Side
    /// The family of our media address towards that peer.
    public var family: IPAddress.Family
    /// Where the peer's SIP messages come from, or go to.
    public var signallingAddress: IPAddress
    /// Whether the peer's own idea of its address can't be relied on: a trunk with `nat: yes`, or a remote phone.
    public var isNAT: Bool
    /// Whether the peer is a remote phone, which is offered ICE once it has shown some.
    public var isPhone = false
    /// The `media_networks` of the trunk.
    public var networks: [IPNetwork]
    /// What its media has to be like.
    public var srtp: SRTPPolicy
    /// How keys are agreed on with it where it has not said so itself.
    public var keying: KeyManagement
    /// Whether nobody can read the peer's SIP, and the keys in it, on its way.
    public var isSignallingSecure: Bool
    /// What offers of SRTP to the peer are like, where it need not take them.
    public var srtpOffer = SRTPOffer.opportunistic

    public init(
        side: Side, family: IPAddress.Family, signallingAddress: IPAddress, isNAT: Bool = false,
        networks: [IPNetwork] = [], srtp: SRTPPolicy = .off, keying: KeyManagement = .sdes,
        isSignallingSecure: Bool = false
    ) {
        self.side = side
        self.family = family
        self.signallingAddress = signallingAddress
        self.isNAT = isNAT
        self.networks = networks
        self.srtp = srtp
        self.keying = keying
        self.isSignallingSecure = isSignallingSecure
    }
}

extension MediaPeer {
    /// Whether the peer may have keys of ours: over signalling that anybody outside can read only where it is told so.
    public var maySeeKeys: Bool {
        switch srtp {
        case .off: false
        case .auto, .optional: isSignallingSecure || side == .inside
        case .required: true
        }
    }

    /// Whether offers to the peer have keys, or a fingerprint, which need not be kept secret.
    public var isOfferedKeys: Bool {
        keying == .dtls ? srtp != .off : maySeeKeys && (srtp != .auto || isSignallingSecure)
    }

    /// Whether the peer can be offered SRTP one way or the other.
    public var hasChoiceOfOffers: Bool { srtp != .required && isOfferedKeys }
}
