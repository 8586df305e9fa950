import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// Connections that end while a transaction is under way, in each of its states (security 34).
@Suite struct LostConnectionTests {
    /// A call over TCP on both sides, step by step.
    private final class Script {
        let proxy = ProxyHarness { $0.listeners += ProxyHarness.streams }
        let flows = [
            Side.inside: Flow(listener: ListenerID(4), peer: ProxyHarness.pbx, connection: 7),
            Side.outside: Flow(listener: ListenerID(5), peer: ProxyHarness.itsp, connection: 8),
        ]
        private var invite: Sent?
        private var answer: Sent?
        private var bye: Sent?
        static let steps = 8

        private func receive(_ text: String, on side: Side) -> [Sent] {
            flows[side].map { proxy.receive(wire(text), on: side, from: $0) } ?? []
        }

        private func reply(_ status: Int, to request: Sent?, _ side: Side, body: String? = nil) -> [Sent] {
            guard let request else { return [] }
            let contact = request.method == .invite ? "<sip:tone@203.0.113.11:5060;transport=tcp>" : nil
            return receive(
                CallTexts.response(status, "Fine", to: request, tag: "itsp", contact: contact, body: body), on: side)
        }

        private func inDialog(_ method: String, _ cSeq: Int) -> [Sent] {
            guard let answer else { return [] }
            return receive(
                CallTexts.inDialog(
                    method, uri: answer.uri(.contact), routes: answer.values(.recordRoute).reversed(),
                    from: answer.header(.from), to: answer.header(.to), callID: "call-1", cSeq: cSeq,
                    branch: "z9hG4bK\(method)\(cSeq)", via: "192.168.0.2:5060"), on: .inside)
        }

        func run(_ step: Int) {
            switch step {
            case 0:
                let text = CallTexts.outboundINVITE(uri: "sip:tone@203.0.113.10;transport=tcp")
                    .replacing("SIP/2.0/UDP", with: "SIP/2.0/TCP")
                invite = receive(text, on: .inside).first { $0.isRequest }
            case 1: proxy.advance(.milliseconds(250))
            case 2: _ = reply(180, to: invite, .outside)
            case 3: answer = reply(200, to: invite, .outside, body: CallTexts.sdpOutside).first { $0.status == 200 }
            case 4: _ = inDialog("ACK", 1)
            case 5: bye = inDialog("BYE", 2).first { $0.isRequest }
            case 6: _ = reply(200, to: bye, .outside)
            default: proxy.advance(.seconds(1))
            }
        }

        /// The other one goes on, on a new connection, as if nothing had been.
        func lose(_ side: Side, isFailure: Bool) {
            guard let flow = flows[side] else { return }
            if isFailure {
                // What was to be sent there is told, with the connection and without.
                proxy.core.transportFailed(flow, at: proxy.now)
                proxy.core.transportFailed(Flow(listener: flow.listener, peer: flow.peer), at: proxy.now)
            }
            proxy.core.connectionEnded(flow, at: proxy.now)
            proxy.drain().forEach { #expect($0.text.isEmpty == false) }
        }
    }

    @Test(arguments: 0..<Script.steps, [Side.inside, .outside])
    func `a connection lost in any state leaves nothing behind (security 34)`(step: Int, side: Side) {
        for isFailure in [true, false] {
            for twice in [true, false] {
                let script = Script()
                for number in 0..<Script.steps {
                    if number == step || twice && number == step + 1 { script.lose(side, isFailure: isFailure) }
                    script.run(number)
                }
                script.proxy.settle()
                // A call that was answered and that nobody has ended has its 12 hours.
                if script.proxy.core.callCount > 0 { script.proxy.advance(.seconds(44_000)) }
                script.proxy.settle()
                #expect(script.proxy.remains == [], "\(step) \(side) \(isFailure) \(twice)")
            }
        }
    }

    @Test(arguments: 0..<Script.steps)
    func `both connections lost in any state leave nothing behind (security 34)`(step: Int) {
        let script = Script()
        for number in 0...step { script.run(number) }
        for side in [Side.inside, .outside] { script.lose(side, isFailure: true) }
        script.proxy.settle()
        if script.proxy.core.callCount > 0 { script.proxy.advance(.seconds(44_000)) }
        script.proxy.settle()
        #expect(script.proxy.remains == [])
    }
}
