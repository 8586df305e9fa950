import Glibc
import NetworkTypes
import OutboundProxy
import Reactor

/// The registrations seen, across restarts: without them no token would admit a call until each PBX has registered
/// again (design §4).
///
/// A record is the whole binding; expiry is kept in wall-clock seconds, since the monotonic clock starts anew.
final class RegistrationJournal: Sendable {
    private struct Entry {
        let expires: Int64
        let record: [UInt8]
    }

    /// AORs that a PBX registers with one Contact share a token.
    private struct Key: Hashable {
        let token: [UInt8]
        let user: String
        let domain: String

        init(_ binding: Binding) { (token, user, domain) = (binding.token, binding.user, binding.domain) }
    }

    private let journal: Journal
    /// The bindings that were alive when the journal was opened.
    let loaded: [DirectoryUpdate]
    /// What a compaction leaves: the last record of each binding.
    private let live: Guarded<[Key: Entry]>

    init(_ directory: StateDirectory, now: Instant) throws(StateError) {
        let wall = Self.wallClock
        var alive: [Key: (binding: Binding, entry: Entry)] = [:]
        var records = 0
        journal = try directory.journal("registrations") { record in
            records += 1
            guard let (binding, expires) = Self.decode(record, now: now) else { return }
            let entry = Entry(expires: expires, record: record)
            alive[Key(binding)] = expires > wall ? (binding.expiring(in: expires - wall, from: now), entry) : nil
        }
        loaded = alive.values.map { .bind($0.binding) }
        live = Guarded(alive.mapValues(\.entry))
        if records > alive.count { compact() }
    }

    /// The bindings in the file at `path` that are alive, without touching it; none where it can't be read.
    static func read(_ path: String, now: Instant) -> [DirectoryUpdate] {
        guard let file = try? File(path, O_RDONLY), let text = try? file.contents(limit: 1 << 30),
            let read = JournalFormat.records(in: text)
        else { return [] }
        var alive: [Key: Binding] = [:]
        for record in read.records {
            guard let (binding, expires) = decode(record, now: now) else { continue }
            let left = expires - wallClock
            alive[Key(binding)] = left > 0 ? binding.expiring(in: left, from: now) : nil
        }
        return alive.values.map { .bind($0) }
    }

    /// Writes a change down, without waiting for the disk.
    func record(_ update: DirectoryUpdate, now: Instant) {
        switch update {
        case .bind(let binding):
            let expires = Int64((binding.expires - now).seconds.rounded(.up)) + Self.wallClock
            let record = Self.encode(binding, expires: expires)
            live.withLock { $0[Key(binding)] = Entry(expires: expires, record: record) }
            journal.append(record)
        case .learn, .resolved, .health, .ban: return
        }
        if journal.wantsCompaction { compact() }
    }

    /// A registration is refreshed every few minutes for months: the file would grow for ever.
    private func compact() {
        journal.compact {
            let wall = Self.wallClock
            return self.live.withLock { live in
                live = live.filter { $0.value.expires > wall }
                return live.values.map(\.record)
            }
        }
    }

    /// Waits until everything is on the disk.
    func flush() { journal.flush() }

    // MARK: Records: a length and octets for each field

    private static func encode(_ binding: Binding, expires: Int64) -> [UInt8] {
        field(binding.token) + field(Array(binding.user.utf8)) + field(Array(binding.domain.utf8))
            + field(binding.contact) + field(Array(binding.pbx.description.utf8))
            + field(Array(binding.registrar.description.utf8)) + field(Array(String(expires).utf8))
    }

    private static func field(_ octets: [UInt8]) -> [UInt8] {
        let count = min(octets.count, Int(UInt16.max))
        return [UInt8(count >> 8), UInt8(count & 0xff)] + octets.prefix(count)
    }

    /// A binding, and the wall-clock second at which it expires.
    private static func decode(_ record: [UInt8], now: Instant) -> (binding: Binding, expires: Int64)? {
        guard let fields = fields(of: record), fields.count == 7 else { return nil }
        func text(_ index: Int) -> String { String(decoding: fields[index], as: UTF8.self) }
        guard let pbx = SocketAddress(text(4)), let registrar = registrar(text(5)), let expires = Int64(text(6)) else {
            return nil
        }
        let binding = Binding(
            token: fields[0], user: text(1), domain: text(2), contact: fields[3], pbx: pbx, registrar: registrar,
            expires: now)
        return (binding, expires)
    }

    /// A target; a journal of before there were targets has an address alone.
    private static func registrar(_ text: String) -> Target? {
        Target(text) ?? IPAddress(text).map { Target(.udp, SocketAddress($0, 5060)) }
    }

    private static func fields(of record: [UInt8]) -> [[UInt8]]? {
        var fields: [[UInt8]] = []
        var rest = record[...]
        while rest.count >= 2 {
            let count = Int(rest[rest.startIndex]) << 8 | Int(rest[rest.startIndex + 1])
            rest = rest.dropFirst(2)
            guard rest.count >= count else { return nil }
            fields.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        return fields
    }

    private static var wallClock: Int64 { Int64(time(nil)) }
}

extension Binding {
    fileprivate func expiring(in seconds: Int64, from now: Instant) -> Binding {
        var binding = self
        binding.expires = now + .seconds(min(seconds, 1 << 24))
        return binding
    }
}
