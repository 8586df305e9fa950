import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A request too large for UDP (RFC 3261 §18.1.1, design §10: `transport`).
@Suite struct LargeRequestTests {
    private static let large = "X-Large: " + String(repeating: "x", count: 900)
    private static let location = Targets.location(Targets.second, Targets.stream)

    private func proxy(_ trunks: [TrunkSettings] = []) -> ProxyHarness {
        ProxyHarness(trunks: trunks) { $0.listeners += ProxyHarness.streams }
    }

    private func opened(_ proxy: ProxyHarness) -> [Sent] {
        for flow in proxy.opening { proxy.core.flowOpened(flow, at: proxy.now) }
        return proxy.drain()
    }

    private func warnings(_ proxy: ProxyHarness) -> [Int] {
        proxy.events.compactMap { if case .large(_, _, let octets, _) = $0 { octets } else { nil } }
    }

    @Test func `a TCP target that DNS names takes it, once the connection is open`() throws {
        let proxy = proxy()
        #expect(proxy.send(Targets.invite(extra: Self.large), Self.location).isEmpty)
        #expect(proxy.opening.map(\.peer) == [Targets.stream.address])
        let sent = opened(proxy)
        #expect(sent.targets == [Targets.stream] && sent[0].bytes.count > 1300)
        #expect(sent[0].values(.via)[0].hasPrefix("SIP/2.0/TCP 203.0.113.1:5060;"))
        #expect(sent[0].values(.recordRoute)[0].contains("203.0.113.1:5060;transport=tcp;lr"))
        #expect(sent[0].uri(.contact).contains("@203.0.113.1:5060;transport=tcp"))
        #expect(proxy.answer(200, to: sent[0]).statuses == [200])
        #expect(proxy.core.counters.largeMessages == 0 && warnings(proxy).isEmpty)
        #expect(proxy.media.events.count { if case .offer = $0 { true } else { false } } == 1)
    }

    @Test(arguments: [0, 400])
    func `no connection: UDP, with a warning that names the size`(milliseconds: Int) throws {
        let proxy = proxy()
        _ = proxy.send(Targets.invite(extra: Self.large), Self.location)
        proxy.advance(.milliseconds(milliseconds))
        for flow in proxy.opening { proxy.core.transportFailed(flow, at: proxy.now) }
        let sent = proxy.drain().outside
        #expect(sent.targets == [Targets.second] && warnings(proxy) == [sent[0].bytes.count])
        #expect(proxy.core.counters.largeMessages == 1)
        #expect(proxy.answer(200, to: sent[0]).statuses == [200])
        #expect(proxy.core.callCount == 1)
    }

    @Test func `a connection that takes more than 500 ms is too late, and the next large request does not wait`() throws
    {
        let proxy = proxy()
        _ = proxy.send(Targets.invite(extra: Self.large), Self.location)
        #expect(proxy.advance(.milliseconds(499)).outside.isEmpty)
        let sent = proxy.advance(.milliseconds(1)).outside
        #expect(sent.targets == [Targets.second])
        proxy.answer(486, to: sent[0])
        #expect(proxy.send(Targets.invite(2, extra: Self.large), Self.location).outside.targets == [Targets.second])
        // It opens after all: nothing is sent twice, and the next one may use it.
        #expect(opened(proxy).isEmpty)
        proxy.opening = []
        #expect(proxy.send(Targets.invite(3, extra: Self.large), Self.location).outside.isEmpty)
        #expect(opened(proxy).targets == [Targets.stream])
    }

    @Test func `a small request goes by UDP where DNS wants that`() {
        let proxy = proxy()
        #expect(proxy.send(Targets.invite(), Self.location).targets == [Targets.second])
        #expect(proxy.opening.isEmpty)
    }

    @Test func `never by TCP where the trunk says udp, DNS names no TCP target, or the account is registered by UDP`()
        throws
    {
        let fixed = proxy([TrunkSettings(name: "t", domain: Targets.name, transport: .udp)])
        #expect(fixed.send(Targets.invite(extra: Self.large), Self.location).targets == [Targets.second])
        let plain = proxy()
        #expect(plain.send(Targets.invite(extra: Self.large)).targets == [Targets.first])
        let registered = proxy()
        let register = try #require(registered.send(Targets.register(), Self.location).first)
        registered.answer(200, to: register, extra: "Contact: \(register.header(.contact));expires=3600")
        #expect(registered.send(Targets.invite(2, extra: Self.large), Self.location).targets == [Targets.second])
        #expect([fixed, plain, registered].allSatisfy { $0.opening.isEmpty && warnings($0).count == 1 })
    }

    @Test func `the connection is lost after the request was sent: UDP`() throws {
        let proxy = proxy()
        _ = proxy.send(Targets.invite(extra: Self.large), Self.location)
        let sent = try #require(opened(proxy).first)
        #expect(proxy.refuse(sent).targets == [Targets.second])
    }

    @Test func `a CANCEL while the connection is being opened: 487, and nothing goes out`() {
        let proxy = proxy()
        _ = proxy.send(Targets.invite(extra: Self.large), Self.location)
        let cancel = Targets.invite(body: nil).replacing("INVITE", with: "CANCEL")
        #expect(proxy.receive(cancel, on: .inside).statuses == [200, 487])
        #expect(opened(proxy).isEmpty)
        #expect(proxy.advance(.seconds(1)).outside.isEmpty)
        proxy.expectNothingLeft()
    }

    @Test func `warnings are told now and then, all are counted`() {
        let proxy = proxy()
        for number in 0..<50 { _ = proxy.send(Targets.invite(number, extra: Self.large)) }
        #expect(warnings(proxy).count == 1 && proxy.core.counters.largeMessages == 50)
        proxy.advance(.seconds(11))
        _ = proxy.send(Targets.invite(51, extra: Self.large))
        #expect(warnings(proxy).count == 2)
    }
}
