import NetworkTypes

/// What one host's way to the edge does to datagrams.
struct LinkProfile {
    var loss = 0.0
    var duplication = 0.0
    /// The shortest delay, and the most that is added to it, in seconds.
    var delay = 0.005
    var jitter = 0.0
    /// How often a datagram is held back so that later ones overtake it, and for how long at most.
    var reordering = 0.0
    var heldBack = 1.0
    /// Times in which nothing passes, one way or both.
    var partitions: [Partition] = []

    struct Partition {
        enum Direction { case toEdge, toHost, both }

        let from: Instant
        let until: Instant
        let direction: Direction
    }

    /// Neither loses nor changes the order.
    static let perfect = LinkProfile()

    func isParted(_ toEdge: Bool, at now: Instant) -> Bool {
        partitions.contains { part in
            part.from <= now && now < part.until
                && (part.direction == .both || (part.direction == .toEdge) == toEdge)
        }
    }
}

/// The datagram network between the edge and the hosts around it.
///
/// Each datagram's fate follows from the seed, its octets, its way and how often it has been sent before: what happens
/// to one does not hang on the others, so that a change of one message leaves the rest of a run as it was.
final class Network {
    enum Fate: Hashable { case arrives, lost, parted }

    private let seed: UInt64
    private let queue: EventQueue
    var links: [IPAddress: LinkProfile] = [:]
    private var sent: [UInt64: UInt64] = [:]

    init(seed: UInt64, queue: EventQueue) {
        self.seed = seed
        self.queue = queue
    }

    /// Sends between the edge and the host; `arrive` happens once for each copy that comes through.
    @discardableResult
    func send(
        _ bytes: [UInt8], host: SocketAddress, toEdge: Bool, arrive: @escaping () -> Void
    ) -> Fate {
        let link = links[host.ip] ?? .perfect
        var random = SeededRandom(seed: seed, stream: number(of: bytes, host, toEdge))
        if link.isParted(toEdge, at: queue.now) { return .parted }
        guard !random.chance(link.loss) else { return .lost }
        queue.after(delay(link, &random), arrive)
        if random.chance(link.duplication) { queue.after(delay(link, &random), arrive) }
        return .arrives
    }

    private func delay(_ link: LinkProfile, _ random: inout SeededRandom) -> Duration {
        var seconds = link.delay + link.jitter * random.real(0...1)
        if random.chance(link.reordering) { seconds += random.real(0...link.heldBack) }
        return .microseconds(Int64(seconds * 1e6))
    }

    private func number(of bytes: [UInt8], _ host: SocketAddress, _ toEdge: Bool) -> UInt64 {
        var digest = Digest()
        digest.add(bytes)
        digest.add(host.ip.low &+ UInt64(host.port) << 32 &+ (toEdge ? 1 << 63 : 0))
        let count = sent[digest.value, default: 0] + 1
        sent[digest.value] = count
        return digest.value &+ count
    }
}
