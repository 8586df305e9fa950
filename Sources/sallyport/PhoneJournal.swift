import NetworkTypes
import OutboundProxy

/// The bindings of remote phones over UDP, across restarts: a phone may call again only when it has registered again, and
/// its pinhole closes meanwhile (design §3). A connection ends with the process, and what was bound to it.
typealias PhoneJournal = ExpiringJournal<PhoneBinding>

extension ExpiringJournal<PhoneBinding> {
    convenience init(_ directory: StateDirectory, now: Instant) throws(StateError) {
        try self.init("phones", in: directory, now: now)
    }

    /// Writes a change down, where it is one of a phone's.
    func record(_ update: DirectoryUpdate, now: Instant) {
        guard case .phone(let binding) = update else { return }
        // One that has moved to a connection is as good as gone.
        let isGone = binding.flow.connection != 0 || binding.expires == .zero
        guard !isGone || has(binding.key) else { return }
        record(binding, isGone: isGone, now: now)
    }
}

extension PhoneBinding: ExpiringRecord {
    var fields: [[UInt8]] {
        let texts = [user, domain, "\(flow.listener.index)", "\(flow.peer)"]
        return [key, contact] + texts.map { Array($0.utf8) }
    }

    init?(fields: [[UInt8]], now: Instant) {
        guard fields.count == 6 else { return nil }
        let texts = fields.dropFirst(2).map { String(decoding: $0, as: UTF8.self) }
        guard let listener = UInt16(texts[2]), let peer = SocketAddress(texts[3]) else { return nil }
        self.init(
            key: fields[0], user: texts[0], domain: texts[1], contact: fields[1],
            flow: Flow(listener: ListenerID(listener), peer: peer), seen: now, expires: now)
    }
}
