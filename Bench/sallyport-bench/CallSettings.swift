import NetworkTypes

/// What both user agents of a run need to know.
struct CallSettings {
    /// What an end does with audio.
    enum Audio { case none, describedOnly, stamped, tones }

    /// The generator's own SIP addresses: that of its PBX and that of its ITSP.
    var inside: SocketAddress
    var outside: SocketAddress
    /// Whether the ITSP calls the PBX, by the Contact that the PBX registered.
    var isInbound = false
    /// The proxy's two doors; nil when the caller talks straight to the answerer.
    var proxy: (inside: SocketAddress, outside: SocketAddress)?
    var audio: Audio
    /// Audio in one packet, in milliseconds.
    var packetTime = 20
    /// Whether each end reports by RTCP every five seconds, first after one.
    var sendsRTCP = false
    /// How long an answered call lasts; nil: until the run says so.
    var hold: Duration?
    /// How long the answerer lets it ring before it answers.
    var ring: Duration = .zero
    /// What is dialled, in place of a number that tells the answerer how the call is to go: To still does.
    var number: String?
    /// Whether the answerer insists on SRTP.
    var answersSecurely = false
    /// How long after the last packet the last one may still arrive.
    static let drain: Duration = .milliseconds(300)

    /// When an answered call is hung up: late enough that no packet is cut off. Nil: when the run says so.
    var hangUpDelay: Duration? {
        guard let hold else { return nil }
        return audio == .stamped || audio == .tones ? hold + Self.drain : hold
    }

    /// On which side of the proxy an end is.
    func side(of end: CallEnd) -> Side { (end == .caller) == isInbound ? .outside : .inside }

    func address(of side: Side) -> SocketAddress { side == .inside ? inside : outside }

    /// The address that is to be found in SDP on a side: the proxy's.
    func mediaAddress(seenFrom side: Side) -> IPAddress {
        guard let proxy else { return address(of: side.opposite).ip }
        return side == .inside ? proxy.inside.ip : proxy.outside.ip
    }

    /// Packets each way in a call of limited length.
    var framesPerCall: UInt64 {
        guard let hold else { return .max }
        return UInt64(max(0, hold.nanoseconds / Duration.milliseconds(packetTime).nanoseconds))
    }
}
