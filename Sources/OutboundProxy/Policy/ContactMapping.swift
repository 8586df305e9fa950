import NetworkTypes
import SIP

/// An inside target of a request from outside: a Contact of ours turned back into what the PBX wrote.
struct RestoredTarget {
    /// The Request-URI that goes inside.
    var uri: [UInt8]
    /// The domain and user of the registration that the token belongs to.
    var domain: String?
    var user: String?
    /// Where it is, when the URI is not to be followed.
    var hop: Forwarding.NextHop?
    /// Where it is when the URI has only a name to tell: the inside has names that DNS does not know.
    var home: Forwarding.NextHop?
}

extension RestoredTarget {
    /// The Contact of a binding; the PBX is where its REGISTER came from.
    init(_ binding: Binding, uri: [UInt8]) {
        self.init(
            uri: uri, domain: binding.domain, user: binding.user, home: .target(Target(.udp, binding.pbx)))
    }
}

/// Inside Contacts leave as URIs of our own with a token, and come back as what they were (design §4).
struct ContactMapping {
    /// The URI parameter that holds the token.
    static let parameter: StaticString = "sp"

    let codec: TokenCodec
    let inside: InsideAddresses

    init(codec: TokenCodec, inside: InsideAddresses) {
        self.codec = codec
        self.inside = inside
    }

    // MARK: Leaving

    /// Records the edits that replace the message's inside Contacts; what was replaced is returned.
    ///
    /// Only URIs that name an inside address, or a PBX's configured name, are replaced: others lead where they lead. In a
    /// request for a `sips:` URI, and in what answers one, they are `sips:` ones (RFC 3261 §8.1.1.8, §12.1.1).
    func hideContacts(
        of message: Message, from source: IPAddress, as listener: Listener, mode: ContactMode,
        isSecure: Bool, edits: inout MessageEdits
    ) -> [ServerTransaction.SentContact] {
        let bytes = message.bytes
        var sent: [ServerTransaction.SentContact] = []
        for range in message.values(.contact) {
            guard let value = NameAddress(range, in: bytes), let uri = URI(value.uri, in: bytes),
                namesInside(uri, in: bytes, from: source),
                let token = token(for: Array(bytes[value.uri]), in: message)
            else { continue }
            let replacement = hidden(uri, in: bytes, token: token, as: listener, mode: mode, isSecure: isSecure)
            if value.hasBrackets {
                edits.replace(value.uri, with: replacement)
            } else {
                edits.replace(value.uri) { out in
                    out.append(UInt8(ascii: "<"))
                    out.append(contentsOf: replacement)
                    out.append(UInt8(ascii: ">"))
                }
            }
            let expires = value.parameterList.first("expires", in: bytes)?.value
                .flatMap { bytes.decimal($0, as: UInt32.self) }
            sent.append(.init(original: Array(bytes[value.uri]), sent: replacement, token: token, expires: expires))
        }
        return sent
    }

    private func namesInside(_ uri: URI, in bytes: [UInt8], from source: IPAddress) -> Bool {
        if let address = uri.address(in: bytes) { return address == source || inside.contains(address) }
        return inside.isPBX(named: uri.host, in: bytes)
    }

    private func token(for uri: [UInt8], in message: Message) -> [UInt8]? {
        codec.token(
            for: message.method == .register ? .registration(uri: uri) : .dialog(uri: uri),
            callID: message.bytes[message.callID])
    }

    private func hidden(
        _ uri: URI, in bytes: [UInt8], token: [UInt8], as listener: Listener, mode: ContactMode, isSecure: Bool
    ) -> [UInt8] {
        let isSecure = listener.transport == .tls && (isSecure || uri.scheme == .sips)
        var out = Array((isSecure ? "sips:" : "sip:").utf8)
        out.reserveCapacity(160)
        if mode == .user {
            out.append(contentsOf: token)
            out.append(UInt8(ascii: "@"))
        } else if let user = uri.user(in: bytes) {
            out.append(contentsOf: bytes[user])
            out.append(UInt8(ascii: "@"))
        }
        appendAddress(of: listener, isSecure: isSecure, to: &out)
        if mode != .user { append(token: token, to: &out) }
        return out
    }

    /// Our Path value in a REGISTER (RFC 3327 §5.2): it names the Contact that the request is about.
    func path(_ listener: Listener, token: [UInt8]) -> [UInt8] {
        var out = Array("<sip:".utf8)
        out.reserveCapacity(160)
        appendAddress(of: listener, to: &out)
        out.append(contentsOf: ";lr".utf8)
        append(token: token, to: &out)
        out.append(UInt8(ascii: ">"))
        return out
    }

    /// Records the edits that take Path values with inside addresses off a REGISTER: they mean nothing out there, and
    /// what comes back goes to the Contact.
    func hidePath(of message: Message, edits: inout MessageEdits) {
        for field in message.all(.path) {
            var values: [Range<Int>] = []
            FieldValues.append(field.value, of: message.bytes, to: &values)
            let kept = values.filter { !namesInside($0, in: message.bytes) }
            if kept.isEmpty {
                edits.remove(field.line)
            } else if kept.count < values.count {
                edits.replace(field.value) { out in
                    for (index, value) in kept.enumerated() {
                        if index > 0 { out.append(contentsOf: ", ".utf8) }
                        out.append(contentsOf: message.bytes[value])
                    }
                }
            }
        }
    }

    private func namesInside(_ range: Range<Int>, in bytes: [UInt8]) -> Bool {
        guard let value = NameAddress(range, in: bytes), let uri = URI(value.uri, in: bytes),
            let address = uri.address(in: bytes)
        else { return false }
        return inside.contains(address)
    }

    /// Our Record-Route value for the side of `listener`; it carries the dialog's token for the hop on the other side.
    func recordRoute(
        _ listener: Listener, isDouble: Bool, hop: TokenRoute?, callID: ArraySlice<UInt8>, isSecure: Bool
    ) -> [UInt8] {
        let isSecure = isSecure && listener.transport == .tls
        var out = Array((isSecure ? "<sips:" : "<sip:").utf8)
        out.reserveCapacity(160)
        appendAddress(of: listener, isSecure: isSecure, to: &out)
        out.append(contentsOf: ";lr".utf8)
        if isDouble { out.append(contentsOf: ";r2=on".utf8) }
        if listener.isAmbiguous {
            out.append(contentsOf: listener.side == .inside ? ";side=inside".utf8 : ";side=outside".utf8)
        }
        if let hop, let token = codec.token(for: .route(hop), callID: callID) { append(token: token, to: &out) }
        out.append(UInt8(ascii: ">"))
        return out
    }

    /// A `sips:` URI says TLS by itself (RFC 3261 §26.2.2).
    func appendAddress(of listener: Listener, isSecure: Bool = false, to out: inout [UInt8]) {
        out.append(contentsOf: listener.hostPort)
        guard listener.transport != .udp, !isSecure else { return }
        out.append(contentsOf: ";transport=".utf8)
        out.append(contentsOf: listener.transport.description.utf8)
    }

    func append(token: [UInt8], to out: inout [UInt8]) {
        out.append(contentsOf: ";sp=".utf8)
        out.append(contentsOf: token)
    }

    // MARK: Coming back

    /// What looks like a token in a URI of ours.
    struct FoundToken {
        let text: ArraySlice<UInt8>
        /// Whether it stands as the user, which then is none that anybody asked for.
        let isUser: Bool
    }

    /// The token in a URI: in our parameter, else as its user.
    func token(in uri: URI, _ bytes: [UInt8]) -> FoundToken? {
        if let value = uri.parameters.first(Self.parameter, in: bytes)?.value {
            return FoundToken(text: bytes[value], isUser: false)
        }
        guard let user = uri.user(in: bytes), TokenCodec.mayBeToken(bytes[user]) else { return nil }
        return FoundToken(text: bytes[user], isUser: true)
    }

    /// What a URI of ours stands for: a live registration's Contact, or in a dialog the Contact of that dialog. A
    /// forged or dead token stands for nothing. Where the URI has lost its token, a new request's Route may have one: our
    /// Path of the registration.
    func restored(
        _ uri: URI, in message: Message, _ routes: RouteProcessing, from source: IPAddress, directory: Directory,
        at now: Instant
    ) -> RestoredTarget? {
        let bytes = message.bytes
        func binding(_ token: ArraySlice<UInt8>) -> Binding? {
            directory.binding(token: token, from: source, users: { message.wantedUsers(uri) }, at: now)
        }
        let token = token(in: uri, bytes)
        if let token, let binding = binding(token.text) {
            return token.isUser
                ? RestoredTarget(binding, uri: Self.original(binding.contact, uri, in: bytes))
                : restored(binding, keepingUserOf: uri, in: bytes)
        }
        guard message.isInDialog else {
            let path = routes.popped.lazy.compactMap { URI($0.uri, in: bytes) }
                .compactMap { $0.parameters.first(Self.parameter, in: bytes)?.value }
            return path.compactMap { binding(bytes[$0]) }.first.map { restored($0, keepingUserOf: uri, in: bytes) }
        }
        guard let token, case .dialog(let original)? = codec.content(of: token.text, callID: bytes[message.callID])
        else { return nil }
        return RestoredTarget(
            uri: token.isUser
                ? Self.original(original, uri, in: bytes) : Self.merge(original, keepingUserOf: uri, in: bytes))
    }

    /// The Contact of a binding, with the user that the caller asked for (design §4: what is restored).
    func restored(_ binding: Binding, keepingUserOf uri: URI, in bytes: [UInt8]) -> RestoredTarget {
        RestoredTarget(binding, uri: Self.merge(binding.contact, keepingUserOf: uri, in: bytes))
    }

    /// The remote target of a party that we know; one that is written as a name is where its messages come from.
    func restored(party: Call.Party) -> RestoredTarget? {
        guard let uri = URI(0..<party.target.count, in: party.target) else { return nil }
        let isLiteral = uri.address(in: party.target) != nil
        return RestoredTarget(uri: party.target, hop: isLiteral ? nil : .flow(party.flow))
    }

    /// A URI of ours without a usable token, in a dialog whose route tells where its inside peer is.
    func restored(_ uri: URI, in message: Message, at peer: Target) -> RestoredTarget {
        var out = Array("sip:".utf8)
        if let userInfo = uri.userInfo {
            out.append(contentsOf: message.bytes[userInfo])
            out.append(UInt8(ascii: "@"))
        }
        out.append(contentsOf: peer.address.description.utf8)
        if peer.transport != .udp { out.append(contentsOf: ";transport=\(peer.transport)".utf8) }
        return RestoredTarget(uri: out)
    }

    /// A Request-URI that is not ours and stays, in a dialog whose route tells where its inside peer is: the PBX wrote
    /// a name into its Contact.
    func unchanged(_ uri: URI, in message: Message, at peer: Target) -> RestoredTarget {
        RestoredTarget(uri: Array(message.bytes[uri.range]), hop: .target(peer))
    }

    /// A call for nobody in particular, sent to a configured PBX.
    func target(at pbx: PBXSettings, _ uri: URI, in bytes: [UInt8]) -> RestoredTarget {
        var out = Array("sip:".utf8)
        if let userInfo = uri.userInfo {
            out.append(contentsOf: bytes[userInfo])
            out.append(UInt8(ascii: "@"))
        }
        let address = IPAddress(pbx.host)
        out.append(contentsOf: (address?.family == .v6 ? "[\(pbx.host)]" : pbx.host).utf8)
        // A port asks for a name's addresses, where DNS would say more without (RFC 3263 §4.2).
        if let port = pbx.port, address == nil || port != pbx.transport.defaultPort {
            out.append(UInt8(ascii: ":"))
            out.appendDecimal(port)
        }
        if pbx.transport != .udp { out.append(contentsOf: ";transport=\(pbx.transport)".utf8) }
        return RestoredTarget(uri: out)
    }

    /// Where the inside peer of a dialog is, by the token in the Route that led here.
    func routePeer(_ routes: RouteProcessing, in message: Message) -> Target? {
        // Another connection may have its number after a restart.
        route(routes, in: message).map { Target($0.transport, $0.flow.peer) }
    }

    /// What the token in the Route that led here says about the inside of a dialog.
    func route(_ routes: RouteProcessing, in message: Message) -> TokenRoute? {
        // A strict router has put our Route into the Request-URI.
        for range in (routes.strictTarget == nil ? [] : [message.requestURI]) + routes.popped.map(\.uri) {
            guard let uri = URI(range, in: message.bytes),
                let token = uri.parameters.first(Self.parameter, in: message.bytes)?.value,
                case .route(let route)? = codec.content(
                    of: message.bytes[token], callID: message.bytes[message.callID]),
                route.side == .inside
            else { continue }
            return route
        }
        return nil
    }

    /// Records the edits that give the PBX its own Contacts back in the response to its REGISTER. Ours are found by
    /// their token, else by what was sent in that transaction; other bindings stay.
    func restoreBindings(
        in response: Message, sent: [ServerTransaction.SentContact], identities: Identities, edits: inout MessageEdits
    ) -> [RegisteredContact] {
        let bytes = response.bytes
        var found: [RegisteredContact] = []
        // Where a registrar took the tokens away, the next of ours with that user is meant.
        var unlisted = sent
        for range in response.values(.contact) {
            guard let value = NameAddress(range, in: bytes), let uri = URI(value.uri, in: bytes),
                identities.side(of: uri, in: bytes, as: .outside) == .outside
            else { continue }
            let token = token(in: uri, bytes)
            let place = unlisted.firstIndex { contact in
                if let token { return token.text.elementsEqual(contact.token) }
                return sameUser(contact.sent, as: uri, in: bytes)
            }
            let match = place.map { unlisted.remove(at: $0) }
            guard let original = match?.original ?? token.flatMap({ registered($0.text) }) else { continue }
            edits.replace(value.uri, with: original)
            let expires = value.parameterList.first("expires", in: bytes)?.value
                .flatMap { bytes.decimal($0, as: UInt32.self) }
            found.append(
                RegisteredContact(
                    contact: match, token: match?.token ?? token.map { Array($0.text) } ?? [], expires: expires))
        }
        return found
    }

    /// The Contact of an earlier registration, by its token alone.
    private func registered(_ token: ArraySlice<UInt8>) -> [UInt8]? {
        if case .registration(let uri)? = codec.content(of: token, callID: []) { uri } else { nil }
    }

    /// A binding of ours that a registrar lists.
    struct RegisteredContact {
        let contact: ServerTransaction.SentContact?
        let token: [UInt8]
        let expires: UInt32?
    }

    private func sameUser(_ sent: [UInt8], as uri: URI, in bytes: [UInt8]) -> Bool {
        guard let own = URI(0..<sent.count, in: sent) else { return false }
        let user = own.user(in: sent).map { sent[$0] } ?? []
        return (uri.user(in: bytes).map { bytes[$0] } ?? []).elementsEqual(user)
    }

    // MARK: The user rule

    /// Parameters that are about the way to us, or would lead elsewhere.
    private static let ours: [StaticString] = ["sp", "transport", "maddr", "ttl", "lr", "r2", "side"]

    /// `original`, but with the user of `uri` where the ITSP put another one there; parameters that the ITSP added are
    /// kept behind the original's.
    private static func merge(_ original: [UInt8], keepingUserOf uri: URI, in bytes: [UInt8]) -> [UInt8] {
        guard let own = URI(0..<original.count, in: original), let userInfo = uri.userInfo else {
            return Self.original(original, uri, in: bytes)
        }
        let ownUser = own.user(in: original).map { original[$0] } ?? []
        let user = uri.user(in: bytes).map { bytes[$0] } ?? []
        if user.isEmpty || user.elementsEqual(ownUser) { return Self.original(original, uri, in: bytes) }
        var out: [UInt8] = []
        out.reserveCapacity(original.count + 32)
        // As the PBX spelt it.
        out.append(contentsOf: original[..<(own.scheme == .sips ? 5 : 4)])
        out.append(contentsOf: bytes[userInfo])
        out.append(UInt8(ascii: "@"))
        out.append(contentsOf: original[own.hostPort.lowerBound..<own.parameters.range.upperBound])
        appendForeignParameters(of: uri, in: bytes, unless: own, original, to: &out)
        out.append(contentsOf: original[own.headers])
        return out
    }

    /// `original` with the parameters that the ITSP added to `uri`.
    private static func original(_ original: [UInt8], _ uri: URI, in bytes: [UInt8]) -> [UInt8] {
        guard !uri.parameters.range.isEmpty, let own = URI(0..<original.count, in: original) else { return original }
        var out = Array(original[..<own.parameters.range.upperBound])
        appendForeignParameters(of: uri, in: bytes, unless: own, original, to: &out)
        out.append(contentsOf: original[own.headers])
        return out
    }

    private static func appendForeignParameters(
        of uri: URI, in bytes: [UInt8], unless own: URI, _ original: [UInt8], to out: inout [UInt8]
    ) {
        let known = own.parameters.all(in: original)
        for parameter in uri.parameters.all(in: bytes) {
            if Self.ours.contains(where: { bytes.equals(parameter.name, ignoringCase: $0) }) { continue }
            let isKnown = known.contains { other in
                original[other.name].lazy.map(\.lowercased).elementsEqual(bytes[parameter.name].lazy.map(\.lowercased))
            }
            if !isKnown { out.append(contentsOf: bytes[parameter.whole]) }
        }
    }
}
