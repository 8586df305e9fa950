public import NetworkTypes

/// Who has guessed passwords: a source that failed with credentials for an account again and again is not listened to
/// for a while (security 32).
///
/// Tables of fixed size. A full place gives way to the newcomer: what is forgotten first is what is over, then what
/// is over soonest. So an attacker with many accounts can shorten bans, but never ban others or take memory.
public struct Bans: Sendable {
    /// One ban, for pages.
    public struct Ban: Hashable, Sendable {
        public let source: IPAddress
        public let account: String
        public let until: Instant
    }

    private struct Entry: Sendable {
        let key: UInt64
        let source: IPAddress
        let account: String
        var failures = 0
        var firstFailure: Instant
        var bans = 0
        var until = Instant.zero
        /// Until when the entry is worth keeping.
        var memory: Instant
    }

    /// So many failures within ``interval`` are no mistake.
    static let mostFailures = 5
    static let interval = Duration.seconds(600)
    static let firstBan = Duration.seconds(300)
    static let longestBan = Duration.seconds(86_400)
    private static let ways = 4
    private static let longestAccount = 96

    private var sets: [[Entry]]
    private let hash: KeyedHash
    /// How many entries there are: with none, nothing needs to be looked up.
    public private(set) var count = 0

    init(hash: KeyedHash, sets: Int = 256) {
        self.hash = hash
        self.sets = Array(repeating: [], count: sets)
    }

    var isEmpty: Bool { count == 0 }

    /// Whether the source is not listened to for that account.
    func isBanned(_ source: IPAddress, _ account: String, at now: Instant) -> Bool {
        guard count > 0 else { return false }
        let key = key(source, account)
        return sets[place(of: key)].contains { $0.key == key && $0.until > now }
    }

    /// Credentials were wrong. Where that has led to a ban, until when.
    mutating func noteFailure(_ source: IPAddress, _ account: String, at now: Instant) -> Instant? {
        let key = key(source, account)
        let place = place(of: key)
        guard let index = index(of: key, in: place, source, account, at: now) else { return nil }
        var entry = sets[place][index]
        if now > entry.firstFailure + Self.interval { (entry.failures, entry.firstFailure) = (0, now) }
        entry.failures += 1
        entry.memory = max(entry.memory, now + Self.interval)
        let isBan = entry.failures >= Self.mostFailures
        if isBan {
            let factor: Int64 = 1 << Int64(min(entry.bans, 20))
            entry.until = now + min(.seconds(300 * factor), Self.longestBan)
            entry.memory = entry.until + Self.longestBan
            entry.bans += 1
            entry.failures = 0
        }
        sets[place][index] = entry
        return isBan ? entry.until : nil
    }

    /// Another shard has banned the source.
    mutating func ban(_ source: IPAddress, _ account: String, until: Instant) {
        let key = key(source, account)
        let place = place(of: key)
        guard let index = index(of: key, in: place, source, account, at: .zero) else { return }
        sets[place][index].until = max(sets[place][index].until, until)
        sets[place][index].memory = max(sets[place][index].memory, until + Self.longestBan)
        sets[place][index].bans += 1
    }

    /// The credentials were right, so what went before was a mistake.
    mutating func noteSuccess(_ source: IPAddress, _ account: String) {
        guard count > 0 else { return }
        let key = key(source, account)
        let place = place(of: key)
        guard let index = sets[place].firstIndex(where: { $0.key == key }) else { return }
        sets[place].remove(at: index)
        count -= 1
    }

    mutating func sweep(at now: Instant) {
        guard count > 0 else { return }
        for place in sets.indices where !sets[place].isEmpty { sets[place].removeAll { $0.memory <= now } }
        count = sets.reduce(0) { $0 + $1.count }
    }

    /// What is banned at the moment.
    func list(at now: Instant) -> [Ban] {
        sets.joined().filter { $0.until > now }.map { Ban(source: $0.source, account: $0.account, until: $0.until) }
            .sorted { ($0.until, $0.account) < ($1.until, $1.account) }
    }

    // MARK: Places

    private func key(_ source: IPAddress, _ account: String) -> UInt64 {
        hash(hash(source.network) ^ hash(Array(account.utf8)))
    }

    private func place(of key: UInt64) -> Int { Int(key % UInt64(sets.count)) }

    private mutating func index(
        of key: UInt64, in place: Int, _ source: IPAddress, _ account: String, at now: Instant
    ) -> Int? {
        if let index = sets[place].firstIndex(where: { $0.key == key }) { return index }
        if sets[place].count >= Self.ways {
            let worst = sets[place].indices.min { one, other in
                let (a, b) = (sets[place][one], sets[place][other])
                return (max(a.until, now), a.memory) < (max(b.until, now), b.memory)
            }
            guard let worst else { return nil }
            sets[place].remove(at: worst)
            count -= 1
        }
        sets[place].append(
            Entry(
                key: key, source: source,
                account: String(decoding: account.utf8.prefix(Self.longestAccount), as: UTF8.self), firstFailure: now,
                memory: now + Self.interval))
        count += 1
        return sets[place].count - 1
    }
}

/// The nonces that went to whom: who sends one back over UDP has got it, and so is where its packets say.
struct RelayedNonces {
    private var slots: [UInt64]
    private let hash: KeyedHash

    init(hash: KeyedHash, slots count: Int = 4096) {
        self.hash = hash
        slots = Array(repeating: 0, count: count)
    }

    mutating func note(_ nonce: ArraySlice<UInt8>, sentTo address: SocketAddress) {
        let mark = mark(nonce, address)
        slots[Int(mark % UInt64(slots.count))] = mark
    }

    func contains(_ nonce: ArraySlice<UInt8>, sentTo address: SocketAddress) -> Bool {
        let mark = mark(nonce, address)
        return slots[Int(mark % UInt64(slots.count))] == mark
    }

    private func mark(_ nonce: ArraySlice<UInt8>, _ address: SocketAddress) -> UInt64 {
        hash(hash(nonce) ^ hash(address.ip.high) &+ hash(address.ip.low &+ 1))
    }
}

extension IPAddress {
    /// What stands for its owner: an IPv6 host has a whole /64.
    var network: UInt64 { family == .v6 ? high : low }
}
