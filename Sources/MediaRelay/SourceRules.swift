import NetworkTypes

/// Why a source is believed, the best reason first. A better class displaces a worse one at any time.
enum SourceClass: UInt8, Comparable, Sendable {
    /// The address that an authentic check has nominated (RFC 8445): where there are checks, there is nothing else to
    /// believe but this and the next.
    case nominated = 1
    /// An address that an authentic check has come from.
    case validated
    /// The address that SDP names.
    case signalled
    /// The IP address that SDP names, with another port.
    case signalledIP
    /// One of the trunk's `media_networks`.
    case network
    /// The address that the peer's SIP messages come from, for a peer behind NAT.
    case signallingIP
    /// Anything else, where the peer may be anywhere: never latched, and only ``ProvisionalBudget`` packets of it pass.
    case provisional

    static func < (a: SourceClass, b: SourceClass) -> Bool { a.rawValue < b.rawValue }
}

/// What one generation of signalling says about the sources of one socket.
struct SourceRules: Hashable, Sendable {
    let generation: UInt32
    let signalled: SocketAddress?
    let networks: [IPNetwork]
    let signallingAddress: IPAddress?
    let acceptsAnySource: Bool
    /// Whether only checks tell who the peer is (RFC 8445), and nothing that is named here.
    let isChecked: Bool
    /// Our address on the leg. What comes from there and isn't signalled is of another leg of ours, which doesn't know yet
    /// that the port it sends to has changed hands.
    let own: IPAddress

    init(_ remote: LegRemote, signalled: SocketAddress?, own: IPAddress) {
        self.own = own
        generation = remote.generation
        self.signalled = signalled
        networks = remote.networks
        signallingAddress = remote.signallingAddress
        acceptsAnySource = remote.acceptsAnySource
        isChecked = remote.ice != nil
    }

    /// The best reason to believe `source`; nil if there is none.
    func classify(_ source: SocketAddress) -> SourceClass? {
        if let signalled {
            if source == signalled { return .signalled }
            if source.ip == signalled.ip { return .signalledIP }
        }
        for network in networks where network.contains(source.ip) { return .network }
        if source.ip == signallingAddress { return .signallingIP }
        return acceptsAnySource && source.ip != own ? .provisional : nil
    }

    /// Whether `other` believes the same sources for the same reasons.
    func isEquivalent(to other: SourceRules) -> Bool {
        signalled == other.signalled && networks == other.networks && signallingAddress == other.signallingAddress
            && acceptsAnySource == other.acceptsAnySource && isChecked == other.isChecked
    }
}
