import NetworkTypes
import Testing

@testable import OutboundProxy

@Suite("What media of each side has to be like")
struct MediaPolicyTests {
    private static let secure = Listener(
        id: ListenerID(4), side: .outside, transport: .tls, local: ProxyHarness.address("203.0.113.1:5061"))

    private func proxy() -> ProxyHarness {
        var trunk = TrunkSettings(name: "itsp", domain: "203.0.113.10")
        trunk.srtp = .required
        return ProxyHarness(trunks: [trunk]) {
            $0.insideSRTP = .optional
            $0.listeners.append(Self.secure)
        }
    }

    @Test("comes from the trunk outside, and from the side inside; UDP is no secret")
    func outbound() throws {
        let proxy = proxy()
        _ = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        #expect(proxy.media.peers.map(\.side) == [.inside, .outside])
        #expect(proxy.media.peers.map(\.srtp) == [.optional, .required])
        #expect(proxy.media.peers.allSatisfy { !$0.isSignallingSecure })
    }

    @Test("bodies are shared by targets of one family, but not by those over TLS with others: keys may be in them")
    func bodies() {
        let proxy = proxy()
        let peer = ProxyHarness.itsp
        let (clear, secure) = (
            proxy.core.mediaLeg(to: Flow(listener: ListenerID(1), peer: peer)),
            proxy.core.mediaLeg(to: Flow(listener: ListenerID(4), peer: peer))
        )
        #expect(clear != secure)
        #expect(secure.isSecure && !clear.isSecure && clear.family == secure.family)
    }
}
