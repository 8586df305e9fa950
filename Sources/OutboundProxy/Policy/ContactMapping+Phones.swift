import NetworkTypes
import SIP

// A remote phone's REGISTER says how what the PBX sends comes back to the phone's flow: by our Path (RFC 3327, RFC 5626
// §5.1), or by a Contact of ours.

extension ContactMapping {
    /// Records the edits of a phone's REGISTER; its Contacts are returned.
    func announce(
        phoneOf arrival: Arrival, as listener: Listener, _ mode: PhoneSettings.Contact, edits: inout MessageEdits,
        top: Int
    ) -> [ServerTransaction.SentContact] {
        let message = arrival.message
        let contacts = phoneContacts(of: message)
        switch mode {
        case .path:
            addPath(to: message, from: arrival, as: listener, contacts.map(\.value), edits: &edits, top: top)
        case .parameter:
            for contact in contacts {
                edits.replace(contact.value.bracketed, with: standIn(for: contact.sent, as: listener))
            }
        }
        return contacts.map(\.sent)
    }

    /// The Contacts of a phone's REGISTER, with the keys of their bindings as tokens.
    private func phoneContacts(
        of message: Message
    ) -> [(value: NameAddress, sent: ServerTransaction.SentContact)] {
        let bytes = message.bytes
        guard let aor = message.uri(.to) else { return [] }
        let user = aor.user(in: bytes).map { bytes.text($0) } ?? ""
        let domain = bytes.text(aor.host).lowercased()
        return message.values(.contact).compactMap { range in
            guard let value = NameAddress(range, in: bytes), URI(value.uri, in: bytes) != nil else { return nil }
            let original = Array(bytes[value.uri])
            let identity = PhoneBinding.identity(user: user, domain: domain, contact: value, in: bytes)
            let sent = ServerTransaction.SentContact(
                original: original, sent: original, token: codec.name(of: identity),
                expires: value.parameterList.first("expires", in: bytes)?.value
                    .flatMap { bytes.decimal($0, as: UInt32.self) })
            return (value, sent)
        }
    }

    /// Our Path on top, and the option tag that lets the registrar use it (RFC 3327 §5.2). `ob` says that we are the
    /// phone's first hop and keep its flow (RFC 5626 §5.1).
    private func addPath(
        to message: Message, from arrival: Arrival, as listener: Listener, _ contacts: [NameAddress],
        edits: inout MessageEdits, top: Int
    ) {
        let route = TokenRoute(side: .outside, transport: arrival.listener.transport, flow: arrival.flow)
        guard let token = codec.token(for: .flow(route), callID: []) else { return }
        let isFirstHop = message.values(.via).count == 1
        let isOutbound = isFirstHop && contacts.contains { $0.isOutbound(in: message.bytes) }
        edits.insert(at: message.header(.path)?.line.lowerBound ?? top) { text in
            text.append(contentsOf: "Path: <sip:".utf8)
            appendAddress(of: listener, to: &text)
            text.append(contentsOf: (isOutbound ? ";lr;ob" : ";lr").utf8)
            append(token: token, to: &text)
            text.append(contentsOf: ">\r\n".utf8)
        }
        guard !message.lists("path", in: .supported) else { return }
        edits.insert(at: top) { $0.append(contentsOf: "Supported: path\r\n".utf8) }
    }

    /// The URI of ours, in brackets, that goes inside for a phone's Contact.
    private func standIn(for contact: ServerTransaction.SentContact, as listener: Listener) -> [UInt8] {
        let original = contact.original
        var out = Array("<sip:".utf8)
        if let uri = URI(0..<original.count, in: original), let user = uri.user(in: original) {
            out.append(contentsOf: original[user])
            out.append(UInt8(ascii: "@"))
        }
        appendAddress(of: listener, to: &out)
        append(token: contact.token, to: &out)
        out.append(UInt8(ascii: ">"))
        return out
    }

    // MARK: Coming back

    /// What a popped Route of ours says about a phone's flow.
    enum FlowToken {
        case flow(TokenRoute)
        /// It was not made by us.
        case forged
    }

    /// The flow that our Path names, or in a dialog our Record-Route for the inside.
    func flowToken(in routes: RouteProcessing, of message: Message) -> FlowToken? {
        let bytes = message.bytes
        for route in routes.popped {
            guard let uri = URI(route.uri, in: bytes),
                let value = uri.parameters.first(Self.parameter, in: bytes)?.value
            else { continue }
            switch codec.content(of: bytes[value], callID: bytes[message.callID]) {
            case .flow(let route)? where route.side == .outside: return .flow(route)
            case .route(let route)? where route.side == .outside && message.isInDialog: return .flow(route)
            case nil where bytes[value].first == TokenKind.flow.rawValue: return .forged
            default: continue
            }
        }
        return nil
    }

    /// The key of a phone's binding in a URI that went inside as its Contact.
    func phoneKey(in uri: URI, _ bytes: [UInt8]) -> [UInt8]? {
        guard let value = uri.parameters.first(Self.parameter, in: bytes)?.value,
            bytes[value].first == UInt8(ascii: "p")
        else { return nil }
        return Array(bytes[value])
    }

    /// What the PBX lists about a Contact of a phone's REGISTER.
    struct ListedContact {
        let contact: ServerTransaction.SentContact
        let expires: UInt32?
    }

    /// Records the edits that give a phone its own Contacts back in the response to its REGISTER, and keep from it what
    /// names the inside: our Path, Service-Routes, Contacts of others. What is listed of its own is returned.
    func restorePhone(
        in response: Message, sent: [ServerTransaction.SentContact], phones: PhoneBindings, identities: Identities,
        edits: inout MessageEdits
    ) -> [ListedContact] {
        let bytes = response.bytes
        var unlisted = sent
        var listed: [ListedContact] = []
        for field in response.headers {
            switch field.name {
            case .contact:
                keep(in: field, of: bytes, edits: &edits) { value, uri in
                    if let place = Self.place(of: uri, in: bytes, among: unlisted, identities) {
                        let contact = unlisted.remove(at: place)
                        let expires = value.parameterList.first("expires", in: bytes)?.value
                        listed.append(
                            ListedContact(
                                contact: contact, expires: expires.flatMap { bytes.decimal($0, as: UInt32.self) }))
                        return bytes[value.uri].elementsEqual(contact.original) ? .kept : .replaced(contact.original)
                    }
                    if let key = phoneKey(in: uri, bytes), let other = phones.contact(of: key) {
                        return .replaced(other)
                    }
                    return isInside(uri, in: bytes, identities) ? .removed : .kept
                }
            case .path, .serviceRoute:
                keep(in: field, of: bytes, edits: &edits) { _, uri in
                    isInside(uri, in: bytes, identities) ? .removed : .kept
                }
            default: break
            }
        }
        return listed
    }

    /// Which of the phone's Contacts a listed URI is: by its token, as it was sent, by the rules of comparison; where
    /// the PBX wrote an address of ours into it, by its user.
    private static func place(
        of uri: URI, in bytes: [UInt8], among sent: [ServerTransaction.SentContact], _ identities: Identities
    ) -> Int? {
        if let token = uri.parameters.first(Self.parameter, in: bytes)?.value {
            return sent.firstIndex { bytes[token].elementsEqual($0.token) }
        }
        if let exact = sent.firstIndex(where: { bytes[uri.range].elementsEqual($0.sent) }) { return exact }
        return sent.firstIndex { contact in
            guard let own = URI(0..<contact.sent.count, in: contact.sent) else { return false }
            let sameUser = (own.user(in: contact.sent).map { contact.sent[$0] } ?? [])
                .elementsEqual(uri.user(in: bytes).map { bytes[$0] } ?? [])
            let sameHost =
                own.port == uri.port
                && contact.sent[own.host].lazy.map(\.lowercased)
                    .elementsEqual(bytes[uri.host].lazy.map(\.lowercased))
            return sameUser && (sameHost || identities.isOurs(uri, in: bytes))
        }
    }

    private func isInside(_ uri: URI, in bytes: [UInt8], _ identities: Identities) -> Bool {
        if identities.side(of: uri, in: bytes, as: .inside) == .inside { return true }
        if let address = uri.address(in: bytes) { return inside.contains(address) }
        return inside.isPBX(named: uri.host, in: bytes)
    }

    private enum Fate {
        case kept, removed
        /// By that URI.
        case replaced([UInt8])
    }

    /// Records the edits of one field that is a list of addresses.
    private func keep(
        in field: HeaderField, of bytes: [UInt8], edits: inout MessageEdits,
        _ decide: (NameAddress, URI) -> Fate
    ) {
        var ranges: [Range<Int>] = []
        FieldValues.append(field.value, of: bytes, to: &ranges)
        var kept: [[UInt8]] = []
        var isChanged = false
        for range in ranges {
            guard let value = NameAddress(range, in: bytes), let uri = URI(value.uri, in: bytes) else {
                kept.append(Array(bytes[range]))
                continue
            }
            switch decide(value, uri) {
            case .kept: kept.append(Array(bytes[range]))
            case .removed: isChanged = true
            case .replaced(let other):
                isChanged = true
                kept.append(
                    bytes[range.lowerBound..<value.bracketed.lowerBound] + [UInt8(ascii: "<")] + other
                        + [UInt8(ascii: ">")] + bytes[value.bracketed.upperBound..<range.upperBound])
            }
        }
        guard isChanged else { return }
        guard !kept.isEmpty else { return edits.remove(field.line) }
        edits.replace(field.value, with: Array(kept.joined(separator: ", ".utf8)))
    }
}
