import NetworkTypes
import SIP

// What a 2xx to REGISTER or OPTIONS teaches: bindings and trunks (design §3 and §4).

extension ProxyCore {
    /// Gives the PBX its own Contacts back, and remembers the binding (design §4).
    func register(
        _ response: Message, of server: ServerTransaction, from flow: Flow, at now: Instant,
        _ edits: inout MessageEdits
    ) {
        guard (200..<300).contains(response.status), let request = server.request else { return }
        let found = contacts.restoreBindings(in: response, sent: server.contacts, identities: identities, edits: &edits)
        guard server.egress == .outside, !isPhones(server.trunk),
            let client = transactions.client(TransactionKey(clientOf: response)),
            let registrar = target(of: client.flow),
            let to = request.header(.to), let value = NameAddress(to.value, in: request.bytes),
            let aor = URI(value.uri, in: request.bytes), aor.scheme == .sip || aor.scheme == .sips
        else { return }
        let user = aor.user(in: request.bytes).map { request.bytes.text($0) } ?? ""
        let domain = request.bytes.text(aor.host).lowercased()
        if request.bytes.isWildcard(request.values(.contact)) {
            return unbind(user: user, domain: domain, but: found, at: now)
        }
        for contact in server.contacts {
            let seconds = lifetime(of: contact, listed: found, in: response, asked: request)
            publish(
                .bind(
                    Binding(
                        token: contact.token, user: user, domain: domain, contact: contact.original,
                        pbx: server.flow.peer, registrar: registrar,
                        connection: flow.connection,
                        expires: seconds == 0 ? .zero : now + .seconds(Int64(min(seconds, 1 << 24))))))
        }
    }

    /// How many seconds a Contact is registered for (RFC 3261 §10.3 step 8): 0 when the registrar lists others but not
    /// that one. One that lists none at all has taken what was asked for.
    private func lifetime(
        of contact: ServerTransaction.SentContact, listed: [ContactMapping.RegisteredContact], in response: Message,
        asked request: Message
    ) -> UInt32 {
        let asked = contact.expires ?? request.expires ?? 3600
        if let binding = listed.first(where: { $0.contact?.token == contact.token }) {
            return binding.expires ?? response.expires ?? asked
        }
        return response.has(.contact) ? 0 : min(asked, response.expires ?? asked)
    }

    /// `Contact: *` has removed the AOR's bindings, but for those that the registrar still lists.
    private func unbind(
        user: String, domain: String, but listed: [ContactMapping.RegisteredContact], at now: Instant
    ) {
        for var binding in directory.registrations.bindings(of: user, domain: domain, at: now)
        where !listed.contains(where: { $0.token == binding.token }) {
            binding.expires = .zero
            publish(.bind(binding))
        }
    }

    /// A 2xx to OPTIONS makes a trunk of the domain that was asked (design §3), when a configured PBX or one with a
    /// registration asked.
    func learn(from response: Message, of server: ServerTransaction, peer: IPAddress, at now: Instant) {
        guard server.method == .options, server.ingress == .inside, server.egress == .outside,
            // Who is behind a Path or a flow token is a phone, and no trunk.
            !isPhones(server.trunk), let request = server.request, let uri = URI(request.requestURI, in: request.bytes)
        else { return }
        let asker = server.flow.peer.ip
        // Without a configured PBX, who has a live registration is one.
        guard
            inside.isPBX(asker)
                || settings.pbxs.isEmpty && directory.registrations.isPBX(asker, at: now)
        else { return }
        publish(.learn(domain: request.bytes.text(uri.host).lowercased(), address: peer, until: now + .seconds(600)))
    }

    func publish(_ update: DirectoryUpdate) {
        keep(update)
        outputs.append(.directory(update))
    }
}

extension Message {
    /// The Expires field, in seconds (RFC 3261 §20.19).
    var expires: UInt32? { header(.expires).flatMap { bytes.decimal($0.value, as: UInt32.self) } }
}

extension [UInt8] {
    /// Whether the Contact values are the one of `Contact: *` (RFC 3261 §10.2.2).
    fileprivate func isWildcard(_ contacts: [Range<Int>]) -> Bool {
        contacts.count == 1 && contacts.allSatisfy { equals($0, ignoringCase: "*") }
    }
}
