import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Requests within a dialog, their offers and answers, and the end of both (RFC 3261 §12–§15, RFC 3264, design §6).
@Suite struct DialogTests {
    let proxy = ProxyHarness()

    @Test(arguments: [true, false], [Side.inside, .outside])
    func `a whole call out or in, with BYE from either side`(isOutbound: Bool, end: Side) throws {
        if !isOutbound { try proxy.register() }
        var call = isOutbound ? try proxy.callOut() : try proxy.callIn()
        #expect(proxy.core.callSummaries.map(\.state) == [.answered])
        let text = end == .inside ? call.pbx.request("BYE") : call.itsp.request("BYE")
        let bye = try #require(proxy.receive(text, on: end).first)
        #expect(bye.method == .bye && bye.side == end.opposite)
        #expect(bye.requestURI == (end == .inside ? call.pbx.target : "sip:asterisk@192.168.0.2:5060"))
        #expect(bye.values(.route) == (end == .inside ? ["<sip:203.0.113.10;lr>"] : []))
        #expect(!proxy.media.open.isEmpty)
        let ok = proxy.receive(CallTexts.response(200, "OK", to: bye), on: end.opposite)
        #expect(ok.map(\.status) == [200] && ok[0].side == end)
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        proxy.expectNothingLeft()
    }

    @Test(arguments: [Side.inside, .outside])
    func `a re-INVITE from either side is an exchange of the same session, and refreshes both targets`(side: Side)
        throws
    {
        var call = try proxy.callOut()
        let text =
            side == .inside
            ? call.pbx.request("INVITE", body: CallTexts.sdpInside)
            : call.itsp.request("INVITE", body: CallTexts.sdpOutside)
        let invite = try #require(proxy.receive(text, on: side).first)
        #expect(invite.values(.recordRoute).isEmpty)
        #expect(invite.body.contains("c=IN IP4 \(side == .inside ? "203.0.113.1" : "192.168.0.1")"))
        let contact = side == .inside ? "<sip:moved@203.0.113.12:5062>" : "<sip:moved@192.168.0.3:5062>"
        let body = side == .inside ? CallTexts.sdpOutside : CallTexts.sdpInside
        let ok = try #require(
            proxy.receive(
                CallTexts.response(200, "OK", to: invite, contact: contact, body: body), on: side.opposite
            ).first)
        #expect(ok.status == 200)
        #expect(
            proxy.media.events.suffix(2) == [
                .offer(1, fromCaller: side == .inside), .answer(1, fromCaller: side == .outside, fork: 0),
            ])
        #expect(proxy.media.open.count == 1 && proxy.core.callCount == 1)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        let byes = proxy.drain()
        let moved = byes.first { $0.side == side.opposite }
        #expect(moved?.requestURI == (side == .inside ? "sip:moved@203.0.113.12:5062" : "sip:moved@192.168.0.3:5062"))
    }

    @Test func `a re-INVITE that is refused changes nothing, and its offer is rolled back`() throws {
        var call = try proxy.callOut()
        call.pbx.contact = "<sip:elsewhere@192.168.0.7:5060>"
        let invite = try #require(
            proxy.receive(call.pbx.request("INVITE", body: CallTexts.sdpInside), on: .inside).first)
        let sent = proxy.receive(CallTexts.response(488, "Not Acceptable Here", to: invite), on: .outside)
        #expect(sent.map(\.side) == [.outside, .inside])
        #expect(proxy.media.events.last == .rollback(1))
        #expect(proxy.core.callCount == 1)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(proxy.drain().first { $0.side == .inside }?.requestURI == "sip:asterisk@192.168.0.2:5060")
        proxy.expectNothingLeft()
    }

    @Test func `an UPDATE without SDP passes both ways and touches no media (finding 6)`() throws {
        try proxy.register()
        var call = try proxy.callIn()
        let events = proxy.media.events
        let update = try #require(proxy.receive(call.pbx.request("UPDATE"), on: .inside).first)
        #expect(update.method == .update && update.side == .outside && update.body.isEmpty)
        #expect(update.uri(.contact).hasPrefix("sip:asterisk@203.0.113.1:5060;sp=d"))
        #expect(
            proxy.receive(
                CallTexts.response(200, "OK", to: update, contact: call.itsp.contact), on: .outside
            ).map(\.status) == [200])
        let other = try #require(proxy.receive(call.itsp.request("UPDATE"), on: .outside).first)
        #expect(
            proxy.receive(
                CallTexts.response(200, "OK", to: other, contact: ProxyHarness.pbxContact), on: .inside
            ).map(\.status) == [200])
        #expect(proxy.media.events == events)
    }

    @Test(arguments: [488, 491, 481]) func `a refused UPDATE takes its offer back`(status: Int) throws {
        var call = try proxy.callOut()
        let update = try #require(
            proxy.receive(call.pbx.request("UPDATE", body: CallTexts.sdpInside), on: .inside).first)
        #expect(proxy.media.events.last == .offer(1, fromCaller: true))
        proxy.receive(CallTexts.response(status, "No", to: update), on: .outside)
        #expect(proxy.media.events.last == .rollback(1))
    }

    @Test func `an UPDATE that nobody answers takes its offer back`() throws {
        var call = try proxy.callOut()
        proxy.receive(call.pbx.request("UPDATE", body: CallTexts.sdpInside), on: .inside)
        proxy.advance(.seconds(33))
        #expect(proxy.media.events.last == .rollback(1))
    }

    @Test func `an UPDATE refreshes the target of who answers it`() throws {
        var call = try proxy.callOut()
        let update = try #require(proxy.receive(call.pbx.request("UPDATE"), on: .inside).first)
        proxy.receive(
            CallTexts.response(200, "OK", to: update, contact: "<sip:moved@203.0.113.12:5062>"), on: .outside)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(proxy.drain().first { $0.side == .outside }?.requestURI == "sip:moved@203.0.113.12:5062")
    }

    // MARK: Late offers

    @Test func `a late offer: in the 200, answered by the ACK, and by each repeated ACK`() throws {
        let call = try proxy.callOut(offer: nil, answer: CallTexts.sdpOutside, acknowledges: false)
        #expect(call.ok.body.contains("c=IN IP4 192.168.0.1"))
        #expect(
            proxy.media.events == [.open(.inside, .outside), .confirm(1, fork: 0), .offer(1, fromCaller: false)])
        var pbx = call.pbx
        let ack = pbx.request("ACK", cSeq: 1, body: CallTexts.sdpInside)
        for _ in 0..<2 {
            let sent = try #require(proxy.receive(ack, on: .inside).first)
            #expect(sent.body.contains("c=IN IP4 203.0.113.1"))
            #expect(proxy.media.events.last == .answer(1, fromCaller: true, fork: 0))
        }
    }

    @Test func `the ACK got lost: the 200 and the ACK come again, anchored alike`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(body: nil), on: .inside).first)
        let text = CallTexts.response(
            200, "OK", to: invite, tag: "b", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside)
        let first = try #require(proxy.receive(text, on: .outside).first)
        proxy.advance(.milliseconds(500))
        let second = try #require(proxy.receive(text, on: .outside).first)
        #expect(first.bytes == second.bytes)
        #expect(proxy.media.open.count == 1)
    }

    @Test func `a late offer in a reliable 183 is answered by PRACK; the ACK has none`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(body: nil), on: .inside).first)
        let progress = try #require(
            proxy.receive(
                CallTexts.response(
                    183, "Session Progress", to: invite, tag: "b", contact: ProxyHarness.itspContact,
                    body: CallTexts.sdpOutside, extra: "Require: 100rel\nRSeq: 1"), on: .outside
            ).first)
        #expect(progress.body.contains("c=IN IP4 192.168.0.1"))
        var pbx = dialog(of: progress)
        let prack = try #require(
            proxy.receive(
                pbx.request("PRACK", body: CallTexts.sdpInside, extra: "RAck: 1 1 INVITE"), on: .inside
            ).first)
        #expect(prack.body.contains("c=IN IP4 203.0.113.1"))
        #expect(proxy.media.events.last == .answer(1, fromCaller: true, fork: 0))
        #expect(proxy.receive(CallTexts.response(200, "OK", to: prack), on: .outside).map(\.status) == [200])
        // A second PRACK with SDP is an offer of its own.
        let second = try #require(
            proxy.receive(
                pbx.request("PRACK", body: CallTexts.sdpInside, extra: "RAck: 2 1 INVITE"), on: .inside
            ).first)
        #expect(proxy.media.events.last == .offer(1, fromCaller: true))
        let answer = proxy.receive(
            CallTexts.response(200, "OK", to: second, body: CallTexts.sdpOutside), on: .outside)
        #expect(answer.first?.body.contains("c=IN IP4 192.168.0.1") == true)
        #expect(proxy.media.events.last == .answer(1, fromCaller: false, fork: 0))
    }

    @Test func `session descriptions that nobody asked for don't cross`() throws {
        var call = try proxy.callOut(acknowledges: false)
        let ack = try #require(
            proxy.receive(call.pbx.request("ACK", cSeq: 1, body: CallTexts.sdpInside), on: .inside).first)
        #expect(ack.body.isEmpty && ack.header(.contentLength) == "0" && !ack.text.contains("Content-Type"))
        let options = try #require(proxy.receive(call.itsp.request("OPTIONS"), on: .outside).first)
        let answer = proxy.receive(
            CallTexts.response(200, "OK", to: options, body: CallTexts.sdpInside), on: .inside)
        #expect(answer.map(\.body) == [""])
        let reinvite = try #require(
            proxy.receive(call.itsp.request("INVITE", body: CallTexts.sdpOutside), on: .outside).first)
        let refusal = proxy.receive(
            CallTexts.response(488, "Not Acceptable Here", to: reinvite, body: CallTexts.sdpInside), on: .inside)
        #expect(refusal.last?.status == 488 && refusal.last?.body.isEmpty == true)
    }

    @Test func `a 2xx that comes again after the call has ended shows no inside address`() throws {
        try proxy.register()
        let invite = try #require(
            proxy.receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1:5060"), on: .outside).first)
        let text = CallTexts.response(
            200, "OK", to: invite, tag: "pbx", contact: ProxyHarness.pbxContact, body: CallTexts.sdpInside)
        proxy.receive(text, on: .inside)
        proxy.core.mediaSilent(session: 1, at: proxy.now)
        #expect(proxy.drain().count == 2)
        let again = proxy.receive(text, on: .inside)
        #expect(again.map(\.status) == [200])
        proxy.expectNothingLeft()
    }

    // MARK: Forks

    @Test func `early media of two forks: two To tags are two answers, the first 2xx wins`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        for (fork, tag) in ["a", "b"].enumerated() {
            let progress = proxy.receive(
                CallTexts.response(
                    183, "Session Progress", to: invite, tag: tag, contact: ProxyHarness.itspContact,
                    body: CallTexts.sdpOutside), on: .outside)
            #expect(progress.map(\.status) == [183])
            #expect(proxy.media.events.last == .answer(1, fromCaller: false, fork: UInt32(fork)))
        }
        let ok = try #require(
            proxy.receive(
                CallTexts.response(
                    200, "OK", to: invite, tag: "b", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside),
                on: .outside
            ).first)
        #expect(proxy.media.events.suffix(2) == [.confirm(1, fork: 1), .answer(1, fromCaller: false, fork: 1)])
        // The other fork answers too: its 2xx passes, and its BYE ends nothing of ours.
        let late = try #require(
            proxy.receive(
                CallTexts.response(
                    200, "OK", to: invite, tag: "a", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside),
                on: .outside
            ).first)
        var other = dialog(of: late)
        #expect(proxy.receive(other.request("ACK", cSeq: 1), on: .inside).map(\.method) == [.ack])
        let bye = try #require(proxy.receive(other.request("BYE"), on: .inside).first)
        #expect(proxy.receive(CallTexts.response(200, "OK", to: bye), on: .outside).map(\.status) == [200])
        #expect(proxy.media.open.count == 1 && proxy.core.callCount == 1)
        var mine = dialog(of: ok)
        let last = try #require(proxy.receive(mine.request("BYE"), on: .inside).first)
        proxy.receive(CallTexts.response(200, "OK", to: last), on: .outside)
        proxy.expectNothingLeft()
    }

    @Test func `BYE to one early dialog leaves the others alone`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let ringing = ["a", "b"].compactMap { tag in
            proxy.receive(
                CallTexts.response(180, "Ringing", to: invite, tag: tag, contact: ProxyHarness.itspContact),
                on: .outside
            ).first
        }
        var first = dialog(of: try #require(ringing.first))
        let bye = try #require(proxy.receive(first.request("BYE"), on: .inside).first)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: .outside)
        #expect(proxy.media.open.count == 1 && proxy.core.callCount == 1)
        let end = proxy.receive(CallTexts.response(487, "Request Terminated", to: invite, tag: "b"), on: .outside)
        #expect(end.map(\.side) == [.outside, .inside])
        proxy.expectNothingLeft()
    }

    @Test func `a thousand To tags are not a thousand forks (security 31)`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        for tag in 0..<1000 {
            proxy.receive(
                CallTexts.response(183, "Progress", to: invite, tag: "t\(tag)", body: CallTexts.sdpOutside),
                on: .outside)
        }
        let forks = proxy.media.events.compactMap { event -> UInt32? in
            if case .answer(_, _, let fork) = event { fork } else { nil }
        }
        #expect(forks.max() == 31)
    }

    // MARK: Ends that aren't smooth

    @Test(arguments: [481, 408])
    func `a BYE that is answered with 481 or 408 ends the call; no 408 goes upstream`(status: Int) throws {
        var call = try proxy.callOut()
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        let sent = proxy.receive(CallTexts.response(status, "No", to: bye), on: .outside)
        #expect(sent.map(\.status) == (status == 481 ? [481] : []))
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        proxy.expectNothingLeft()
    }

    @Test func `a BYE that is challenged or fails for now doesn't`() throws {
        var call = try proxy.callOut()
        for status in [407, 500] {
            let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
            #expect(proxy.receive(CallTexts.response(status, "No", to: bye), on: .outside).map(\.status) == [status])
            #expect(proxy.core.callCount == 1)
        }
    }

    @Test func `a BYE that nobody answers ends the call after timer F, without a 408 (RFC 4320)`() throws {
        var call = try proxy.callOut()
        proxy.receive(call.pbx.request("BYE"), on: .inside)
        let sent = proxy.advance(.seconds(33))
        #expect(sent.filter { $0.side == .outside }.count == 10)
        #expect(!sent.contains { $0.status >= 200 })
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        proxy.expectNothingLeft()
    }

    @Test func `a BYE that can't be sent ends the call`() throws {
        var call = try proxy.callOut()
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        proxy.core.transportFailed(Flow(listener: ListenerID(1), peer: bye.to), at: proxy.now)
        #expect(proxy.drain().map(\.status) == [503])
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
        proxy.expectNothingLeft()
    }

    @Test func `both hang up at once`() throws {
        var call = try proxy.callOut()
        let one = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        let other = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(proxy.receive(CallTexts.response(200, "OK", to: one), on: .outside).map(\.status) == [200])
        #expect(proxy.receive(CallTexts.response(481, "Gone", to: other), on: .inside).map(\.status) == [481])
        proxy.expectNothingLeft()
    }

    @Test func `ACKs and 2xx retransmissions pass again and again`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let text = CallTexts.response(
            200, "OK", to: invite, tag: "b", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside)
        let ok = try (0..<3).map { _ in try #require(proxy.receive(text, on: .outside).first) }
        #expect(Set(ok.map(\.text)).count == 1)
        var pbx = dialog(of: ok[0])
        let ack = pbx.request("ACK", cSeq: 1)
        for _ in 0..<3 { #expect(proxy.receive(ack, on: .inside).map(\.method) == [.ack]) }
        #expect(proxy.core.counters.callsAnswered == 1)
    }

    @Test func `the answer's media is refused: no body crosses, and both sides get BYE`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        proxy.media.failure = MediaFailure(status: 488, reason: "No")
        let sent = proxy.receive(
            CallTexts.response(
                200, "OK", to: invite, tag: "b", contact: ProxyHarness.itspContact, body: CallTexts.sdpOutside),
            on: .outside)
        #expect(sent.map(\.status) == [200, 0, 0])
        #expect(sent[0].body.isEmpty && sent[0].header(.contentLength) == "0")
        #expect(sent.dropFirst().map(\.method) == [.bye, .bye])
        proxy.expectNothingLeft()
    }

    @Test(arguments: [488, 503]) func `an offer that can't be anchored is refused at once`(status: Int) throws {
        proxy.media.failure = MediaFailure(status: status, reason: "No")
        let sent = proxy.receive(CallTexts.outboundINVITE(), on: .inside)
        #expect(sent.map(\.status) == [status] && sent[0].side == .inside)
        #expect((sent[0].header(.retryAfter) == "10") == (status == 503))
        proxy.expectNothingLeft()
    }

    /// The PBX's dialog, from a response with a To tag.
    private func dialog(of response: Sent) -> Dialog {
        Dialog(
            side: .inside, source: ProxyHarness.pbx, local: response.header(.from), remote: response.header(.to),
            callID: response.header(.callID), target: response.uri(.contact),
            routes: Array(response.values(.recordRoute).reversed()), cSeq: 1, contact: ProxyHarness.pbxContact)
    }
}
