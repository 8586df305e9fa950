import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// One end of a dialog as its UA sees it (RFC 3261 §12): what it puts into the requests that it sends.
struct Dialog {
    let side: Side
    /// Where the UA's messages come from.
    var source: SocketAddress
    /// Its own From value, tag included, and the other's.
    var local: String
    var remote: String
    var callID: String
    /// The other's Contact URI, and the route set, as the UA learned them.
    var target: String
    var routes: [String]
    var cSeq: Int
    var contact: String
    private var branches = 0

    init(
        side: Side, source: SocketAddress, local: String, remote: String, callID: String, target: String,
        routes: [String], cSeq: Int, contact: String
    ) {
        self.side = side
        self.source = source
        self.local = local
        self.remote = remote
        self.callID = callID
        self.target = target
        self.routes = routes
        self.cSeq = cSeq
        self.contact = contact
    }

    /// The next request of the UA; an ACK has the number of the INVITE.
    mutating func request(
        _ method: String, cSeq number: Int? = nil, body: String? = nil, extra: String = "", maxForwards: Int = 70
    ) -> String {
        if method != "ACK", number == nil { cSeq += 1 }
        branches += 1
        let target = ["INVITE", "UPDATE", "SUBSCRIBE", "REFER", "NOTIFY"].contains(method)
        return CallTexts.request(
            "\(method) \(self.target) SIP/2.0",
            """
            Via: SIP/2.0/UDP \(source);rport;branch=z9hG4bK\(side)\(method.lowercased())\(branches)\(local.utf8.count)
            \(routes.map { "Route: \($0)" }.joined(separator: "\n"))
            From: \(local)
            To: \(remote)
            Call-ID: \(callID)
            CSeq: \(number ?? cSeq) \(method)
            Max-Forwards: \(maxForwards)
            \(target ? "Contact: \(contact)" : "")
            \(extra)
            """, body)
    }
}

/// An answered call through the proxy: both ends, and the messages that made it.
struct TestCall {
    var pbx: Dialog
    var itsp: Dialog
    /// The INVITE and the 2xx as they left the proxy.
    var invite: Sent
    var ok: Sent
}

extension ProxyHarness {
    static let pbxIdentity = "\"1000\" <sip:1000@192.168.0.2>;tag=pbx"
    static let itspContact = "<sip:tone@203.0.113.11:5060>"
    static let pbxContact = "<sip:asterisk@192.168.0.2:5060>"

    /// INVITE, 200 and ACK of a call from the PBX to the ITSP, whose proxy records its route.
    func callOut(
        callID: String = "call-1", branch: String = "z9hG4bKpbx1", offer: String? = CallTexts.sdpInside,
        answer: String? = CallTexts.sdpOutside, ackBody: String? = nil, itspRoute: String? = "<sip:203.0.113.10;lr>",
        itspContact: String = itspContact, acknowledges: Bool = true, at next: SocketAddress = itsp
    ) throws -> TestCall {
        let invite = try #require(
            receive(CallTexts.outboundINVITE(branch: branch, callID: callID, body: offer), on: .inside).first)
        let reply = CallTexts.response(
            200, "OK", to: invite, tag: "itsp", contact: itspContact, body: answer, recordRoute: itspRoute)
        let ok = try #require(receive(reply, on: .outside, from: next).first { $0.status == 200 })
        var call = TestCall(
            pbx: Dialog(
                side: .inside, source: Self.pbx, local: Self.pbxIdentity, remote: ok.header(.to), callID: callID,
                target: ok.uri(.contact), routes: Array(ok.values(.recordRoute).reversed()), cSeq: 1,
                contact: Self.pbxContact),
            itsp: Dialog(
                side: .outside, source: Self.itsp, local: ok.header(.to), remote: invite.header(.from),
                callID: invite.header(.callID), target: invite.uri(.contact), routes: invite.values(.recordRoute),
                cSeq: 100,
                contact: itspContact), invite: invite, ok: ok)
        guard acknowledges else { return call }
        let ack = receive(call.pbx.request("ACK", cSeq: 1, body: ackBody), on: .inside)
        #expect(ack.map(\.method) == [.ack])
        return call
    }

    /// INVITE, 200 and ACK of a call from the ITSP to the PBX.
    func callIn(
        uri: String = "sip:1000@203.0.113.1:5060", callID: String = "call-2", offer: String? = CallTexts.sdpOutside,
        answer: String? = CallTexts.sdpInside, acknowledges: Bool = true, from source: SocketAddress = itsp
    ) throws -> TestCall {
        let invite = try #require(
            receive(CallTexts.inboundINVITE(uri: uri, callID: callID, body: offer), on: .outside, from: source).first)
        #expect(invite.side == .inside)
        let reply = CallTexts.response(200, "OK", to: invite, tag: "pbx", contact: Self.pbxContact, body: answer)
        let ok = try #require(receive(reply, on: .inside).first { $0.status == 200 })
        #expect(ok.side == .outside)
        var call = TestCall(
            pbx: Dialog(
                side: .inside, source: Self.pbx, local: ok.header(.to), remote: invite.header(.from), callID: callID,
                target: invite.uri(.contact), routes: invite.values(.recordRoute), cSeq: 100,
                contact: Self.pbxContact),
            itsp: Dialog(
                side: .outside, source: source, local: invite.header(.from), remote: ok.header(.to), callID: callID,
                target: ok.uri(.contact), routes: Array(ok.values(.recordRoute).reversed().dropFirst()), cSeq: 1,
                contact: "<sip:5551234@203.0.113.11:5060>"), invite: invite, ok: ok)
        guard acknowledges else { return call }
        let ack = receive(call.itsp.request("ACK", cSeq: 1), on: .outside, from: source)
        #expect(ack.map(\.method) == [.ack])
        return call
    }

    /// The PBX registers; what left and what came back.
    @discardableResult
    func register(
        contact: String = "<sip:s@192.168.0.2:5060;line=vtqvcuo>", expires: Int = 3600, user: String = "1000",
        registrar: String = "203.0.113.10", branch: String = "z9hG4bKreg1", cSeq: Int = 1
    ) throws -> (request: Sent, response: Sent) {
        let text = CallTexts.register(
            contact: contact, expires: expires, branch: branch, user: user, registrar: registrar, cSeq: cSeq)
        let request = try #require(receive(text, on: .inside).first)
        let list = request.values(.contact).map { "Contact: \($0);expires=\(expires)" }.joined(separator: "\n")
        let ok = CallTexts.response(200, "OK", to: request, tag: "reg", extra: expires == 0 ? "" : list)
        let response = try #require(receive(ok, on: .outside, from: request.to).first)
        return (request, response)
    }

    /// What a call leaves behind once all timers have run: nothing.
    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) {
        advance(.seconds(300))
        #expect(media.open.isEmpty, sourceLocation: sourceLocation)
        #expect(core.callCount == 0, sourceLocation: sourceLocation)
        #expect(core.transactionCount == 0, sourceLocation: sourceLocation)
    }
}
