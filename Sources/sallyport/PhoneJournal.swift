import NetworkTypes
import OutboundProxy
import Reactor

/// The bindings of remote phones over UDP, across restarts: a phone may call again only when it has registered again, and
/// its pinhole closes meanwhile (design §3). A connection ends with the process, and what was bound to it.
final class PhoneJournal: Sendable {
    private struct Entry {
        let expires: Int64
        let record: [UInt8]
    }

    private let journal: Journal
    /// The bindings that were alive when the journal was opened.
    let loaded: [DirectoryUpdate]
    /// What a compaction leaves: the last record of each binding.
    private let live: Guarded<[[UInt8]: Entry]>

    init(_ directory: StateDirectory, now: Instant) throws(StateError) {
        let wall = RegistrationJournal.wallClock
        var alive: [[UInt8]: (binding: PhoneBinding, entry: Entry)] = [:]
        var records = 0
        journal = try directory.journal("phones") { record in
            records += 1
            guard let (decoded, expires) = Self.decode(record, now: now) else { return }
            var binding = decoded
            binding.expires = now + .seconds(min(max(0, expires - wall), 1 << 24))
            alive[binding.key] = expires > wall ? (binding, Entry(expires: expires, record: record)) : nil
        }
        loaded = alive.values.map { .phone($0.binding) }
        live = Guarded(alive.mapValues(\.entry))
        if records > alive.count { compact() }
    }

    /// Writes a change down, without waiting for the disk.
    func record(_ update: DirectoryUpdate, now: Instant) {
        guard case .phone(let binding) = update else { return }
        // One that has moved to a connection is as good as gone.
        let isGone = binding.flow.connection != 0 || binding.expires == .zero
        guard !isGone || live.withLock({ $0[binding.key] != nil }) else { return }
        let seconds = isGone ? 0 : Int64((binding.expires - now).seconds.rounded(.up))
        let expires = RegistrationJournal.wallClock + seconds
        let record = Self.encode(binding, expires: expires)
        live.withLock { $0[binding.key] = isGone ? nil : Entry(expires: expires, record: record) }
        journal.append(record)
        if journal.wantsCompaction { compact() }
    }

    private func compact() {
        journal.compact {
            let wall = RegistrationJournal.wallClock
            return self.live.withLock { live in
                live = live.filter { $0.value.expires > wall }
                return live.values.map(\.record)
            }
        }
    }

    /// Waits until everything is on the disk.
    func flush() { journal.flush() }

    // MARK: Records

    private static func encode(_ binding: PhoneBinding, expires: Int64) -> [UInt8] {
        let texts = [
            binding.user, binding.domain, "\(binding.flow.listener.index)", "\(binding.flow.peer)", "\(expires)",
        ]
        return ([binding.key, binding.contact] + texts.map { Array($0.utf8) })
            .reduce(into: []) { $0 += RegistrationJournal.field($1) }
    }

    /// A binding, and the wall-clock second at which it expires.
    private static func decode(_ record: [UInt8], now: Instant) -> (binding: PhoneBinding, expires: Int64)? {
        guard let fields = RegistrationJournal.fields(of: record), fields.count == 7 else { return nil }
        let texts = fields.dropFirst(2).map { String(decoding: $0, as: UTF8.self) }
        guard let listener = UInt16(texts[2]), let peer = SocketAddress(texts[3]), let expires = Int64(texts[4]) else {
            return nil
        }
        let binding = PhoneBinding(
            key: fields[0], user: texts[0], domain: texts[1], contact: fields[1],
            flow: Flow(listener: ListenerID(listener), peer: peer), seen: now, expires: now)
        return (binding, expires)
    }
}
