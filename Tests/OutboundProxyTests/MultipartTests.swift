import Foundation
import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A session description among other parts is anchored like one that is alone, and the others cross octet for octet:
/// calls for help that say where they are (RFC 6442), and trunks with ISUP (RFC 3204).
@Suite struct MultipartTests {
    private static let trunk = TrunkSettings(name: "itsp", domain: "203.0.113.10")
    private let proxy = ProxyHarness(trunks: [trunk])
    private static let (inner, outer) = ("192.168.0.1", "203.0.113.1")

    private func receive(_ text: String, on side: Side) throws -> Sent {
        try #require(proxy.receive(Parts.around(text), on: side).first { $0.status != 100 })
    }

    private func reply(_ status: Int, _ reason: String, to request: Sent, _ body: String, extra: String = "") -> String
    {
        let isOut = request.side == .outside
        return CallTexts.response(
            status, reason, to: request, tag: isOut ? "itsp" : "pbx",
            contact: isOut ? ProxyHarness.itspContact : ProxyHarness.pbxContact, body: body, extra: extra)
    }

    @Test(arguments: ["sip:tone@203.0.113.10", "sip:911@203.0.113.10"])
    func `a call of the PBX, and what comes back of it`(uri: String) throws {
        let invite = try receive(CallTexts.outboundINVITE(uri: uri), on: .inside)
        #expect(invite.requestURI == uri && invite.isParted(Self.outer, CallTexts.sdpInside))
        let progress = reply(
            183, "Session Progress", to: invite, CallTexts.sdpOutside, extra: "Require: 100rel\nRSeq: 1")
        #expect(try receive(progress, on: .outside).isParted(Self.inner, CallTexts.sdpOutside))
        let ok = try receive(reply(200, "OK", to: invite, CallTexts.sdpOutside), on: .outside)
        #expect(ok.status == 200 && ok.isParted(Self.inner, CallTexts.sdpOutside))
        #expect(
            proxy.media.events == [
                .open(.inside, .outside), .offer(1, fromCaller: true), .answer(1, fromCaller: false, fork: 0),
                .confirm(1, fork: 0), .answer(1, fromCaller: false, fork: 0),
            ])
    }

    @Test func `a call of the ITSP, and all that a dialog may bring`() throws {
        let invite = try receive(CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1"), on: .outside)
        #expect(invite.side == .inside && invite.isParted(Self.inner, CallTexts.sdpOutside))
        let ok = try receive(reply(200, "OK", to: invite, CallTexts.sdpInside), on: .inside)
        #expect(ok.side == .outside && ok.isParted(Self.outer, CallTexts.sdpInside))
    }

    @Test(arguments: ["INVITE", "UPDATE"], Side.allCases)
    func `offers in a dialog and their answers`(method: String, side: Side) throws {
        var call = try proxy.callOut()
        let texts = [Side.inside: CallTexts.sdpInside, .outside: CallTexts.sdpOutside]
        let own = texts[side] ?? "", other = texts[side.opposite] ?? ""
        let text = side == .inside ? call.pbx.request(method, body: own) : call.itsp.request(method, body: own)
        let addresses = [Side.inside: Self.inner, .outside: Self.outer]
        let request = try receive(text, on: side)
        #expect(request.isParted(addresses[side.opposite] ?? "", own))
        let ok = try receive(reply(200, "OK", to: request, other), on: side.opposite)
        #expect(ok.isParted(addresses[side] ?? "", other))
        let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
        #expect(bye.method == .bye && bye.octets.isEmpty)
    }

    @Test func `a late offer, answered by the ACK`() throws {
        var call = try proxy.callOut(offer: nil, answer: nil, acknowledges: false)
        let again = try #require(proxy.receive(call.itsp.request("INVITE"), on: .outside).first)
        let ok = try receive(reply(200, "OK", to: again, CallTexts.sdpInside), on: .inside)
        #expect(ok.isParted(Self.outer, CallTexts.sdpInside))
        let ack = try receive(call.itsp.request("ACK", cSeq: 101, body: CallTexts.sdpOutside), on: .outside)
        #expect(ack.method == .ack && ack.isParted(Self.inner, CallTexts.sdpOutside))
    }

    @Test func `a late offer in a reliable 183, answered by PRACK`() throws {
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(body: nil), on: .inside).first)
        let progress = reply(
            183, "Session Progress", to: invite, CallTexts.sdpOutside, extra: "Require: 100rel\nRSeq: 1")
        let sent = try receive(progress, on: .outside)
        #expect(sent.isParted(Self.inner, CallTexts.sdpOutside))
        var pbx = Dialog(
            side: .inside, source: ProxyHarness.pbx, local: ProxyHarness.pbxIdentity, remote: sent.header(.to),
            callID: "call-1", target: sent.uri(.contact), routes: Array(sent.values(.recordRoute).reversed()), cSeq: 1,
            contact: ProxyHarness.pbxContact)
        let prack = try receive(pbx.request("PRACK", body: CallTexts.sdpInside, extra: "RAck: 1 1 INVITE"), on: .inside)
        #expect(prack.method == .prack && prack.isParted(Self.outer, CallTexts.sdpInside))
        #expect(proxy.media.events.contains(.answer(1, fromCaller: true, fork: 0)))
    }

    @Test func `who refuses the offer of SRTP gets the other one, with the same parts around it`() throws {
        var trunk = Self.trunk
        trunk.srtp = .optional
        trunk.transport = .tls
        let secure = Listener(
            id: ListenerID(4), side: .outside, transport: .tls, local: ProxyHarness.address("203.0.113.1:5061"))
        let proxy = ProxyHarness(trunks: [trunk]) {
            $0.listeners.append(secure)
            $0.numberOfName = { _ in PeerNameID(1) }
        }
        let sent = proxy.receive(Parts.around(CallTexts.outboundINVITE()), on: .inside)
        let invite = try #require(sent.first { $0.isRequest })
        let refusal = CallTexts.response(488, "Not Acceptable Here", to: invite, tag: "r")
        let after = proxy.receive(wire(refusal), on: .outside, from: Flow(listener: secure.id, peer: invite.to))
        #expect(after.map(\.method) == [.ack, .invite])
        #expect(try #require(after.last).isParted(Self.outer, CallTexts.sdpInside))
        #expect(proxy.media.receivers.map(\.srtpOffer) == [.opportunistic, .secure])
    }

    // MARK: Without it

    @Test func `where nobody asked for it, the session description goes and the others stay`() throws {
        var call = try proxy.callOut()
        let media = proxy.media.events.count
        let ack = try receive(call.pbx.request("ACK", cSeq: 1, body: CallTexts.sdpInside), on: .inside)
        #expect(ack.method == .ack && ack.octets == Parts.bodyWithoutSDP && ack.header(.contentType) == Parts.type)
        let invite = try #require(
            proxy.receive(call.itsp.request("INVITE", body: CallTexts.sdpOutside), on: .outside).first)
        let text = Parts.around(reply(488, "Not Acceptable Here", to: invite, CallTexts.sdpInside))
        let refusal = try #require(proxy.receive(text, on: .inside).first { $0.status == 488 })
        #expect(refusal.side == .outside && refusal.octets == Parts.bodyWithoutSDP)
        #expect(proxy.media.events.dropFirst(media) == [.offer(1, fromCaller: false), .rollback(1)])
    }

    @Test func `a session description that is all there is goes with its body`() throws {
        var call = try proxy.callOut()
        let text = call.pbx.request("ACK", cSeq: 1)
        let body = Parts.body([Parts.sdp(CallTexts.sdpInside)])
        let ack = try #require(proxy.receive(Parts.message(text, body: body), on: .inside).first)
        #expect(ack.octets.isEmpty && ack.header(.contentType).isEmpty)
    }

    @Test func `an early answer that the relay refuses does not cross, what is beside it does`() throws {
        let invite = try receive(CallTexts.outboundINVITE(), on: .inside)
        proxy.media.failure = MediaFailure(status: 488, reason: "No")
        let sent = try receive(reply(183, "Session Progress", to: invite, CallTexts.sdpOutside), on: .outside)
        #expect(sent.status == 183 && sent.octets == Parts.bodyWithoutSDP)
        #expect(proxy.core.callCount == 1)
    }

    @Test func `other methods, and parts without a session description, cross as they came`() throws {
        var call = try proxy.callOut()
        for (method, body) in [("INFO", Parts.body(around: CallTexts.sdpOutside)), ("INVITE", Parts.bodyWithoutSDP)] {
            let text = Parts.message(call.itsp.request(method), body: body)
            #expect(try #require(proxy.receive(text, on: .outside).first { $0.isRequest }).octets == body)
        }
    }

    // MARK: Refused

    /// Bodies that don't cross, and the answer to each.
    static let refused: [(name: String, body: [UInt8], status: Int)] = [
        ("two", Parts.body([Parts.sdp(CallTexts.sdpInside), Parts.isup, Parts.sdp(CallTexts.sdpInside)]), 415),
        ("encoded", Parts.body([wire("Content-Transfer-Encoding: base64\n") + Parts.sdp(CallTexts.sdpInside)]), 415),
        ("compressed", Parts.body([wire("e: gzip\n") + Parts.sdp(CallTexts.sdpInside)]), 415),
        ("early", Parts.body([wire("Content-Disposition: early-session\n") + Parts.sdp(CallTexts.sdpInside)]), 415),
        ("not closed", Array(Parts.body(around: CallTexts.sdpInside).dropLast(4)), 400),
        ("no parts", wire(CallTexts.sdpInside), 400),
        ("many", Parts.body(Array(repeating: Parts.isup, count: 40) + [Parts.sdp(CallTexts.sdpInside)]), 415),
    ]

    @Test(arguments: refused.indices) func `security 21: a request that can't be taken apart`(index: Int) {
        let (name, body, status) = Self.refused[index]
        let sent = proxy.receive(Parts.message(CallTexts.outboundINVITE(), body: body), on: .inside)
        #expect(sent.filter { $0.status != 100 }.map(\.status) == [status], "\(name)")
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
    }

    @Test(arguments: refused.indices) func `security 21: an answer that can't be taken apart`(index: Int) throws {
        let (name, body, _) = Self.refused[index]
        let call = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1")
        let invite = try #require(proxy.receive(call, on: .outside).first { $0.isRequest })
        let text = reply(200, "OK", to: invite, CallTexts.sdpInside)
        let sent = proxy.receive(Parts.message(text, body: body), on: .inside)
        let ok = try #require(sent.first { $0.status == 200 && $0.side == .outside }, "\(name)")
        #expect(ok.octets.isEmpty)
        #expect(proxy.core.callCount == 0 && proxy.media.open.isEmpty)
    }

    @Test func `one with an encoding, alone, is refused as well`() {
        let sent = proxy.receive(CallTexts.outboundINVITE(extra: "Content-Encoding: gzip\n"), on: .inside)
        #expect(sent.filter { $0.status != 100 }.map(\.status) == [415])
        // RFC 3261 §8.2.3: what would have been taken.
        let lines = sent.last?.text.components(separatedBy: "\r\n") ?? []
        #expect(lines.contains("Accept: application/sdp, multipart/mixed"))
        #expect(lines.contains("Accept-Encoding: identity"))
    }

    @Test func `candidates that come one by one are refused among parts, too (RFC 8840)`() throws {
        var call = try proxy.callOut()
        let part = wire(
            "Content-Type: application/trickle-ice-sdpfrag\n\na=candidate:1 1 UDP 1 192.168.0.2 4000 typ host\n")
        let info = Parts.message(call.pbx.request("INFO"), body: Parts.body([Parts.location, part]))
        #expect(proxy.receive(info, on: .inside).map(\.status) == [415])
    }

    @Test func `security 14: a message that grows beyond 64 kB is refused`() {
        let padding = Array(repeating: UInt8(ascii: "x"), count: 64_200)
        for (text, side) in [(CallTexts.outboundINVITE(), Side.inside)] {
            let body = Parts.body([Parts.sdp(CallTexts.sdpInside), wire("Content-Type: text/plain\n\n") + padding])
            let octets = Parts.message(text, body: body)
            let room = MessageParser.maximumSize - octets.count
            #expect(room > 0)
            let full = Parts.body([
                Parts.sdp(CallTexts.sdpInside),
                wire("Content-Type: text/plain\n\n") + padding + Array(repeating: 120, count: room),
            ])
            let sent = proxy.receive(Parts.message(text, body: full), on: side)
            #expect(sent.filter { $0.status != 100 }.map(\.status) == [513])
        }
        #expect(proxy.media.open.isEmpty && proxy.core.callCount == 0)
    }

    // MARK: Any octets

    /// The octets that mean something to a reader of parts, and some that don't.
    private static let octets = Array("\0\n\r -:;/x".utf8) + [0xff]
    /// The session description in a part within another, and one that may be left out.
    private static let nested =
        Parts.body([
            wire("Content-Type: multipart/alternative;boundary=in\n\n--in\nc: text/plain\n\nhello\n--in\n")
                + Parts.sdp("v=0\nc=IN IP4 192.168.0.2\n") + wire("\n--in--\n"), Parts.sdpOfElse,
        ])
    private static let ours = "c=IN IP4 203.0.113.1\r\n"

    /// Calls `body` with `bytes` from `start` on, where each octet in turn is another one, missing, or the end; not those of
    /// `types`: another type is another body, which nobody looks into.
    private func mutate(
        _ bytes: [UInt8], from start: Int, octets: [UInt8], except types: [String], _ body: ([UInt8]) -> Void
    ) {
        let kept = types.flatMap { bytes.ranges(of: Array($0.utf8)) }
        for index in start..<bytes.count where !kept.contains(where: { $0.contains(index) }) {
            for octet in octets where octet != bytes[index] {
                var changed = bytes
                changed[index] = octet
                body(changed)
            }
            body(Array(bytes[..<index]))
            body(Array(bytes[..<index] + bytes[(index + 1)...]))
        }
    }

    @Test func `security 21: whatever octet of an offer's body is another one, its addresses don't cross`() throws {
        let bytes = Parts.message(CallTexts.outboundINVITE(), body: Self.nested)
        let start = try #require(try MessageParser.parse(datagram: bytes).header(.contentType)).line.lowerBound
        #expect(try #require(offered(bytes).first { $0.side == .outside }).body.contains(Self.ours))
        mutate(
            bytes, from: start, octets: Self.octets, except: ["Content-Type: multipart/mixed", "application/sdp"]
        ) { _ = offered($0) }
    }

    @Test func `security 21: nor do those of an answer's body`() throws {
        #expect(answered(Self.nested)?.body.contains(Self.ours) == true)
        mutate(Self.nested, from: 0, octets: Array("\n-".utf8), except: ["application/sdp"]) { body in
            #expect(answered(body)?.status == 200)
        }
    }

    /// What leaves; the harness looks for inside addresses in it.
    private func offered(_ bytes: [UInt8]) -> [Sent] {
        let proxy = ProxyHarness()
        proxy.media.replacement = Array("v=0\r\n\(Self.ours)".utf8)
        return proxy.receive(bytes, on: .inside)
    }

    private func answered(_ body: [UInt8]) -> Sent? {
        let proxy = ProxyHarness(trunks: [Self.trunk])
        proxy.media.replacement = Array("v=0\r\n\(Self.ours)".utf8)
        let call = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1")
        guard let invite = proxy.receive(call, on: .outside).first(where: \.isRequest) else { return nil }
        let text = reply(200, "OK", to: invite, CallTexts.sdpInside)
        return proxy.receive(Parts.message(text, body: body), on: .inside).first {
            $0.side == .outside && $0.status != 100
        }
    }
}
