import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// An ITSP with several targets behind one name.
enum Targets {
    static let name = "itsp.example"
    static let first = target("udp:203.0.113.10:5060")
    static let second = target("udp:203.0.113.20:5060")
    static let third = target("udp:203.0.113.30:5060")
    static let stream = target("tcp:203.0.113.10:5060")

    static func target(_ text: String) -> Target { Target(text) ?? Target(.udp, ProxyHarness.address("")) }

    /// One after the other.
    static func location(_ targets: Target...) -> Location {
        .targets(targets.enumerated().map { LocatedTarget($1, rank: $0) })
    }

    static let both = location(first, second)

    static func invite(
        _ number: Int = 1, body: String? = CallTexts.sdpInside, extra: String = "", callID: String? = nil
    ) -> String {
        CallTexts.outboundINVITE(
            branch: "z9hG4bKn\(number)", callID: callID ?? "named-\(number)", body: body, extra: extra,
            uri: "sip:tone@\(name)")
    }

    static func register(_ number: Int = 1, extra: String = "", user: String = "1000") -> String {
        CallTexts.register(
            branch: "z9hG4bKr\(number)", user: user, registrar: name, callID: "reg", cSeq: number
        )
        .replacing("Max-Forwards: 70\n", with: "Max-Forwards: 70\n" + (extra.isEmpty ? "" : extra + "\n"))
    }
}

extension ProxyHarness {
    /// The request from inside, with its name located at once.
    func send(_ text: String, _ location: Location = Targets.both, named name: String = Targets.name) -> [Sent] {
        receive(text, on: .inside) + locate(name, location)
    }

    /// A response of the target that the request went to.
    @discardableResult
    func answer(
        _ status: Int, to request: Sent, tag: String = "itsp", contact: String? = nil, body: String? = nil,
        extra: String = ""
    ) -> [Sent] {
        let needsContact = request.method == .invite && (200..<300).contains(status)
        let text = CallTexts.response(
            status, "Reason", to: request, tag: status > 100 ? tag : nil,
            contact: contact ?? (needsContact ? "<sip:tone@\(request.to)>" : nil),
            body: body ?? (needsContact ? CallTexts.sdpOutside : nil), extra: extra)
        return receive(text, on: request.side, from: request.to, by: request.transport)
    }

    /// The transport can't reach the target of the request.
    func refuse(_ request: Sent) -> [Sent] {
        guard let listener = core.settings.listeners.first(where: { $0.matches(request) }) else { return [] }
        core.transportFailed(Flow(listener: listener.id, peer: request.to), at: now)
        return drain()
    }

    /// Tells where a name leads whenever it is asked for, while the time passes.
    func advance(_ duration: Duration, locating location: Location) -> [Sent] {
        advance(duration) + locate(Targets.name, location)
    }
}

extension Listener {
    fileprivate func matches(_ sent: Sent) -> Bool {
        side == sent.side && transport == sent.transport && local.ip.family == sent.to.ip.family
    }
}

extension Sent {
    var target: Target { Target(transport, to) }
}

extension [Sent] {
    /// Those that went upstream, or to the ITSP's targets.
    var inside: [Sent] { filter { $0.side == .inside } }
    var outside: [Sent] { filter { $0.side == .outside } }
    var statuses: [Int] { map(\.status) }
    var targets: [Target] { map(\.target) }
}
