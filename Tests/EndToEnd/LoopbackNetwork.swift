import Reactor

/// The /24 networks of 127.0.0.0/8 that stages live in: one each, so that tests which run at the same time never meet.
enum LoopbackNetwork {
    // Begins anywhere, since several runs may share a machine.
    private static let last = Guarded(UInt32.random(in: 0...0xffff))

    /// The next one's first three octets, with room for a host's number.
    static func next() -> UInt32 {
        let number = last.withLock { last in
            last = last &+ 1
            return last
        }
        return 0x7f00_0000 | (1 + number % 0xfffe) << 8
    }
}
