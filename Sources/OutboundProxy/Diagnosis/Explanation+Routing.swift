import NetworkTypes
import SIP

// Who may send it, by which trunk, and where it goes.

extension Explanation {
    // MARK: Admission

    mutating func admission(of arrival: Arrival, _ core: ProxyCore) {
        let source = arrival.flow.peer.ip
        if arrival.side == .inside {
            return note(
                "admission",
                core.isInside(source)
                    ? "\(source) is in inside.networks or is a configured pbx: it may call out"
                    : "\(source) is not in inside.networks: whatever it sends is dropped")
        }
        if core.isInside(source) {
            return note("admission", "\(source) is an inside address and can't come from outside: forged, dropped")
        }
        let message = arrival.message
        let uri = URI(message.requestURI, in: message.bytes)
        if let uri { token(in: uri, of: arrival, core) }
        guard let trunk = core.trunk(of: arrival, uri) else {
            return note(
                "admission",
                "\(source) is the address of no trunk. Without a live registration's token in the Request-URI, or a "
                    + "dialog's, nothing from it goes inside")
        }
        note("trunk", "\(trunk.name): " + Self.reason(trunk, source, core))
        if trunk.names.count > 2 {
            note("", "others have that address, too: \(trunk.names.sorted().joined(separator: ", "))")
        }
    }

    private static func reason(_ trunk: TrunkMatch, _ source: IPAddress, _ core: ProxyCore) -> String {
        guard let settings = trunk.settings else {
            return "learned; a PBX registered there, and \(source) answered or is what its name resolves to"
        }
        if let network = settings.networks.first(where: { $0.contains(source) }) {
            return "\(source) is in its networks (\(network))"
        }
        if IPAddress(settings.domain) == source { return "\(source) is its domain" }
        return "its domain \(settings.domain) resolves to \(source), or a registration was answered from there"
    }

    private mutating func token(in uri: URI, of arrival: Arrival, _ core: ProxyCore) {
        let message = arrival.message
        guard
            core.contacts.token(in: uri, message.bytes) != nil
                || uri.parameters.first(ContactMapping.parameter, in: message.bytes) != nil
        else { return }
        let routes = RouteProcessing(message, identities: core.identities)
        let target = core.contacts.restored(
            uri, in: message, routes, from: arrival.flow.peer.ip, directory: core.directory, at: arrival.now)
        note(
            "token",
            target.map { "it stands for \(String(decoding: $0.uri, as: UTF8.self))" }
                ?? "it is forged, of another key, or its registration or dialog is not alive: it is not followed")
    }

    // MARK: Routes

    mutating func routes(of message: Message, _ core: ProxyCore) {
        let routes = RouteProcessing(message, identities: core.identities)
        let bytes = message.bytes
        if routes.isMalformed { return note("routes", "a Route can't be read") }
        if !routes.popped.isEmpty {
            note("routes", "ours, taken off: " + routes.popped.map { bytes.text($0.range) }.joined(separator: ", "))
        }
        if let target = routes.strictTarget {
            note("routes", "a strict router put the target last; it is \(bytes.text(target.uri)) again (§16.4)")
        }
        if let next = routes.next { note("routes", "the next hop is the Route \(bytes.text(next.range))") }
        if !message.has(.route) { note("routes", "none: the Request-URI says where it goes") }
    }

    // MARK: Decision

    mutating func verdict(_ verdict: Verdict, _ core: ProxyCore, isACK: Bool) {
        switch verdict {
        case .forward(let forwarding): self.forwarding(forwarding)
        case .answer(let status, let reason, _) where isACK:
            note("decision", "dropped: as any other request it would get \(status) \(reason), an ACK gets no answer")
        case .answer(let status, let reason, _):
            note("decision", "answered \(status) \(reason)" + (Self.why[status].map { ": \($0)" } ?? ""))
        case .answerStranger(let status, let reason):
            note(
                "decision",
                "answered \(status) \(reason), as to any stranger: at most once a second, and over UDP only where the "
                    + "answer is not longer than the question")
        case .drop(let counter):
            note(
                "decision",
                "dropped without an answer over UDP, told 403 over TCP and TLS: " + Self.cause(counter))
        }
    }

    private mutating func forwarding(_ forwarding: Forwarding) {
        note("decision", "sent on \(forwarding.egress), to \(Self.words(for: forwarding.nextHop))")
        if !forwarding.trunk.isEmpty, !steps.contains(where: { $0.topic == "trunk" }) {
            note(
                "trunk",
                "\(forwarding.trunk)"
                    + (forwarding.trunkSettings == nil ? ": not configured, so without policy of its own" : ""))
        }
        if let uri = forwarding.uri {
            note("target", "the Request-URI becomes \(String(decoding: uri, as: UTF8.self))")
        }
        if forwarding.isStrict {
            note("target", "the next hop is a strict router: its URI becomes the Request-URI (§16.6 step 6)")
        }
        for other in forwarding.alternatives {
            note("failover", "then \(String(decoding: other.uri, as: UTF8.self)) at \(Self.words(for: other.nextHop))")
        }
        if let port = forwarding.port { note("port", "it leaves by the port of the trunk \(port), where that has one") }
    }

    private static func words(for hop: Forwarding.NextHop) -> String {
        switch hop {
        case .target(let target): "\(target)"
        case .flow(let flow): "\(flow.peer), where the party's messages come from"
        case .name(let query):
            "what DNS says of \(query.host)" + (query.port.map { ", port \($0)" } ?? "")
                + (query.transport.map { ", by \($0)" } ?? "")
        }
    }

    /// What an answer of ours means.
    private static let why: [Int: String] = [
        400: "it can't be read as the RFC wants it", 403: "it may not go there",
        404: "nobody here is asked for", 414: "the Request-URI has more than 2,048 octets",
        416: "the Request-URI is none that we know how to follow", 420: "it demands an extension of proxies",
        440: "Max-Breadth allows no branch", 481: "it belongs to no dialog that we know",
        482: "it has been here before",
        483: "Max-Forwards is 0", 503: "we can't send it now; Retry-After says when to try again",
    ]

    private static func cause(_ counter: WritableKeyPath<ProxyCounters, UInt64>) -> String {
        switch counter {
        case \.droppedSpoofed: "its source address is not of that side"
        case \.droppedUnadmitted: "its source is no trunk, and no token admits it"
        default: "it belongs to nothing that we know"
        }
    }
}
