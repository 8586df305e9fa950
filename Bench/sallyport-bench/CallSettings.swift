import NetworkTypes

/// What both user agents of a run need to know.
struct CallSettings {
    /// What an end does with audio.
    enum Audio { case none, describedOnly, stamped, tones }

    /// The caller's and the answerer's own SIP addresses.
    var caller: SocketAddress
    var answerer: SocketAddress
    /// The proxy's two doors; nil when the caller talks straight to the answerer.
    var proxy: (inside: SocketAddress, outside: SocketAddress)?
    var audio: Audio
    /// Audio in one packet, in milliseconds.
    var packetTime = 20
    /// How long an answered call lasts; nil: until the run says so.
    var hold: Duration?
    /// How long the answerer lets it ring before it answers.
    var ring: Duration = .zero
    /// How long after the last packet the last one may still arrive.
    static let drain: Duration = .milliseconds(300)

    /// When an answered call is hung up: late enough that no packet is cut off. Nil: when the run says so.
    var hangUpDelay: Duration? {
        guard let hold else { return nil }
        return audio == .stamped || audio == .tones ? hold + Self.drain : hold
    }

    func address(of end: CallEnd) -> SocketAddress { end == .caller ? caller : answerer }

    /// The address that `end` must find in SDP: the proxy's on its own side.
    func mediaAddressSeen(by end: CallEnd) -> IPAddress {
        guard let proxy else { return address(of: end.opposite).ip }
        return end == .caller ? proxy.inside.ip : proxy.outside.ip
    }

    var firstHop: SocketAddress { proxy?.inside ?? answerer }

    /// Packets each way in a call of limited length.
    var framesPerCall: UInt64 {
        guard let hold else { return .max }
        return UInt64(max(0, hold.nanoseconds / Duration.milliseconds(packetTime).nanoseconds))
    }
}
