import NetworkTypes

/// How long and how much one stream connection is given.
struct StreamLimits {
    /// Until a connection of ours is open.
    var opening = Duration.seconds(4)
    /// For the TLS handshake with a peer that has connected to us (security 33).
    var handshake = Duration.seconds(5)
    /// Steps of handshakes that one turn of the loop is given, about a millisecond each: the others wait.
    var handshakesPerTurn = 4
    /// Without anything in either direction, keep-alives included.
    var idle = Duration.seconds(900)
    /// The same where the peer can't connect to us, so that our connection is its only way: it is held open with an empty
    /// line for as long as a message now and then shows that it is still wanted.
    var keepAlive = Duration.seconds(120)
    var lease = Duration.seconds(7200)
    /// For a message to be whole, once it has begun.
    var message = Duration.seconds(30)
    /// The same for a stranger, who has to say something in that time as well (security 33).
    var strangerMessage = Duration.seconds(10)
    /// For the peer to take something of what waits for it.
    var stalled = Duration.seconds(30)
    /// For the peer to end too, after we have.
    var farewell = Duration.seconds(2)
    /// For requests to be answered whose sender has ended its side.
    var answers = Duration.seconds(32)
    /// For the network to say that such a sender has gone altogether.
    var doubt = Duration.milliseconds(250)
    /// With more octets than that waiting for the peer, nothing more is read from it.
    var congestion = 65_536
    /// With more than that it is closed: a stranger, and one that we know.
    var strangerOverflow = 1 << 20
    var overflow = 8 << 20
}

/// What became of stream connections. Names of fields are names of causes.
struct ConnectionCounters: Hashable, Sendable {
    var accepted: UInt64 = 0
    var opened: UInt64 = 0
    /// Closed at once: too many in all, or from one source.
    var refusedLimit: UInt64 = 0
    var refusedSource: UInt64 = 0
    /// Closed at once: too many TLS handshakes were under way.
    var refusedHandshakes: UInt64 = 0
    /// TLS handshakes that came to an end, short ones among them, and those that failed.
    var handshakes: UInt64 = 0
    var resumed: UInt64 = 0
    var insecure: UInt64 = 0
    /// Could not be opened.
    var unreachable: UInt64 = 0
    /// Closed by us, and why.
    var idle: UInt64 = 0
    var unfinished: UInt64 = 0
    var malformed: UInt64 = 0
    var overflowed: UInt64 = 0
    /// Ended by an error of the network or the peer.
    var broken: UInt64 = 0
}
