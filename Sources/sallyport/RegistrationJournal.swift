import NetworkTypes
import OutboundProxy

/// The registrations seen, across restarts: without them no token would admit a call until each PBX has registered
/// again (design §4).
typealias RegistrationJournal = ExpiringJournal<Binding>

extension ExpiringJournal<Binding> {
    convenience init(_ directory: StateDirectory, now: Instant) throws(StateError) {
        try self.init("registrations", in: directory, now: now)
    }

    /// Writes a change down, where it is one of a registration.
    func record(_ update: DirectoryUpdate, now: Instant) {
        guard case .bind(let binding) = update else { return }
        record(binding, now: now)
    }
}

extension Binding: ExpiringRecord {
    /// AORs that a PBX registers with one Contact share a token.
    struct JournalKey: Hashable {
        let token: [UInt8]
        let user: String
        let domain: String
    }

    var key: JournalKey { JournalKey(token: token, user: user, domain: domain) }

    var fields: [[UInt8]] {
        [
            token, Array(user.utf8), Array(domain.utf8), contact, Array(pbx.description.utf8),
            Array(registrar.description.utf8),
        ]
    }

    init?(fields: [[UInt8]], now: Instant) {
        guard fields.count == 6 else { return nil }
        func text(_ index: Int) -> String { String(decoding: fields[index], as: UTF8.self) }
        guard let pbx = SocketAddress(text(4)), let registrar = Self.registrar(text(5)) else { return nil }
        self.init(
            token: fields[0], user: text(1), domain: text(2), contact: fields[3], pbx: pbx, registrar: registrar,
            expires: now)
    }

    /// A target; a journal of before there were targets has an address alone.
    private static func registrar(_ text: String) -> Target? {
        Target(text) ?? IPAddress(text).map { Target(.udp, SocketAddress($0, 5060)) }
    }
}
