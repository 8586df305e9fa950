import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

/// A host with both sides on one address (design §3): the port tells them apart, or on one port the source.
@Suite struct OneArmedTests {
    enum Arrangement: CaseIterable, Sendable {
        case twoPorts, oneSocket

        /// How the outside names itself, and how the Record-Routes of the two sides begin.
        var outside: String { self == .twoPorts ? "192.168.0.1:5080" : "192.168.0.1:5060" }
        var recordRoutes: (outside: String, inside: String) {
            switch self {
            case .twoPorts: ("<sip:192.168.0.1:5080;lr", "<sip:192.168.0.1:5060;lr;r2=on>")
            case .oneSocket:
                ("<sip:192.168.0.1:5060;lr;side=outside", "<sip:192.168.0.1:5060;lr;r2=on;side=inside>")
            }
        }

        func proxy(pbxs: [PBXSettings] = [PBXSettings(host: "192.168.0.2", port: 5060)]) -> ProxyHarness {
            let isShared = self == .oneSocket
            let proxy = ProxyHarness(pbxs: pbxs) {
                $0.listeners = Array($0.listeners.prefix(1))
                $0.listeners.append(
                    Listener(
                        id: ListenerID(1), side: .outside, transport: .udp, local: ProxyHarness.address(outside),
                        socket: isShared ? ListenerID(0) : nil))
            }
            proxy.sharedSocket = isShared ? ListenerID(0) : nil
            // The outside's own address is one of them.
            proxy.insidePrefixes = ["192.168.0.2"]
            return proxy
        }
    }

    @Test(arguments: Arrangement.allCases)
    func `a call out: each side's Record-Route names it, and requests both ways follow them`(
        arrangement: Arrangement
    ) throws {
        let proxy = arrangement.proxy()
        var call = try proxy.callOut()
        let routes = call.invite.values(.recordRoute)
        #expect(routes.count == 1 && routes[0].hasPrefix(arrangement.recordRoutes.outside + ";sp="))
        #expect(call.ok.values(.recordRoute).last == arrangement.recordRoutes.inside)
        #expect(call.invite.to == ProxyHarness.itsp && call.invite.values(.via)[0].contains(arrangement.outside))
        #expect(call.invite.uri(.contact).hasPrefix("sip:asterisk@\(arrangement.outside);sp="))
        let info = proxy.receive(call.itsp.request("INFO"), on: .outside)
        #expect(info.map(\.to) == [ProxyHarness.pbx] && info[0].requestURI == "sip:asterisk@192.168.0.2:5060")
        #expect(info[0].values(.route).isEmpty)
        let refresh = try #require(proxy.receive(call.pbx.request("UPDATE"), on: .inside).first)
        #expect(refresh.to == ProxyHarness.itsp && refresh.values(.route) == ["<sip:203.0.113.10;lr>"])
        let bye = try #require(proxy.receive(call.itsp.request("BYE"), on: .outside).first)
        #expect(bye.to == ProxyHarness.pbx)
        proxy.receive(CallTexts.response(200, "OK", to: bye), on: .inside)
        proxy.expectNothingLeft()
    }

    @Test(arguments: Arrangement.allCases)
    func `a registration, and calls to its Contact, also where the registrar took the token away`(
        arrangement: Arrangement
    ) throws {
        for isStripped in [false, true] {
            let proxy = arrangement.proxy()
            let (request, response) = try proxy.register()
            #expect(request.uri(.contact).hasPrefix("sip:s@\(arrangement.outside);sp="))
            #expect(response.values(.contact) == ["<sip:s@192.168.0.2:5060;line=vtqvcuo>;expires=3600"])
            var call = try proxy.callIn(uri: isStripped ? "sip:1000@\(arrangement.outside)" : request.uri(.contact))
            #expect(call.invite.requestURI.hasSuffix("@192.168.0.2:5060;line=vtqvcuo"))
            #expect(call.invite.values(.recordRoute)[0] == arrangement.recordRoutes.inside)
            #expect(
                call.invite.values(.recordRoute)[1].replacing(";r2=on", with: "").hasPrefix(
                    arrangement.recordRoutes.outside))
            let bye = try #require(proxy.receive(call.pbx.request("BYE"), on: .inside).first)
            #expect(bye.to == ProxyHarness.itsp && bye.side == .outside)
        }
        let proxy = arrangement.proxy()
        let stripped = CallTexts.register()
        let again = try #require(proxy.receive(stripped, on: .inside).first)
        let ok = CallTexts.response(
            200, "OK", to: again, tag: "reg", extra: "Contact: <sip:s@\(arrangement.outside)>;expires=3600")
        #expect(
            proxy.receive(ok, on: .outside).first?.values(.contact)
                == ["<sip:s@192.168.0.2:5060;line=vtqvcuo>;expires=3600"])
    }

    @Test func `on one socket the network of the source decides, and no spelling of an inside address is inside`() {
        let proxy = Arrangement.oneSocket.proxy()
        let invite = CallTexts.outboundINVITE()
        #expect(proxy.receive(invite, on: .inside, from: ProxyHarness.address("192.168.0.77:5060")).count == 1)
        #expect(proxy.receive(invite, on: .inside, from: ProxyHarness.stranger).isEmpty)
        for source in ["[::ffff:192.168.0.2]:5060", "[2002:c0a8:2::]:5060", "[64:ff9b::c0a8:2]:5060"] {
            #expect(proxy.receive(invite, on: .inside, from: ProxyHarness.address(source)).isEmpty)
        }
        #expect(proxy.core.counters.droppedSpoofed == 3)
    }

    @Test func `on one socket a PBX that the configuration names is inside, wherever it is`() {
        let proxy = Arrangement.oneSocket.proxy(pbxs: [PBXSettings(host: "172.16.5.5", port: 5060)])
        let source = ProxyHarness.address("172.16.5.5:5060")
        #expect(proxy.receive(CallTexts.outboundINVITE(), on: .inside, from: source).map(\.to) == [ProxyHarness.itsp])
    }

    @Test func `on one socket a response counts for the side that it comes from`() throws {
        let proxy = Arrangement.oneSocket.proxy()
        let invite = try #require(proxy.receive(CallTexts.outboundINVITE(), on: .inside).first)
        let ok = CallTexts.response(180, "Ringing", to: invite, tag: "x", contact: ProxyHarness.itspContact)
        #expect(proxy.receive(ok, on: .inside, from: ProxyHarness.address("192.168.0.66:5060")).isEmpty)
        #expect(proxy.receive(ok, on: .outside).map(\.to) == [ProxyHarness.pbx])
    }

    @Test func `on one socket a refusal of the transport is told to the calls of the peer's side`() throws {
        let proxy = Arrangement.oneSocket.proxy()
        proxy.receive(CallTexts.outboundINVITE(), on: .inside)
        proxy.core.transportFailed(Flow(listener: ListenerID(0), peer: ProxyHarness.itsp), at: proxy.now)
        #expect(proxy.drain().map(\.status) == [503])
    }

    @Test func `on one socket a Route of ours from inside is no way to other inside hosts`() throws {
        let proxy = Arrangement.oneSocket.proxy()
        let uri = "sip:x@192.168.0.50"
        let plain = proxy.receive(CallTexts.outboundINVITE(uri: uri), on: .inside)
        #expect(plain.map(\.to) == [ProxyHarness.address("192.168.0.50:5060")])
        let route = "Route: <sip:192.168.0.1;lr;side=outside>\n"
        let forged = CallTexts.outboundINVITE(branch: "z9hG4bKother", callID: "other", uri: uri, route: route)
        #expect(proxy.receive(forged, on: .inside).map(\.status) == [403])
    }

    @Test func `a transport of its own tells the sides apart on one address and port`() throws {
        let local = ProxyHarness.address("192.168.0.1:5060")
        let identities = Identities([
            Listener(id: ListenerID(0), side: .inside, transport: .udp, local: local),
            Listener(id: ListenerID(1), side: .outside, transport: .tcp, local: local),
        ])
        func side(_ text: String, as context: Side) throws -> Side? {
            let bytes = Array(text.utf8)
            return identities.side(of: try #require(URI(bytes.indices, in: bytes)), in: bytes, as: context)
        }
        #expect(try side("sip:192.168.0.1", as: .outside) == .inside)
        #expect(try side("sip:192.168.0.1;transport=tcp", as: .inside) == .outside)
        #expect(try side("sip:192.168.0.1;transport=tls", as: .inside) == nil)
        #expect(identities.listeners.allSatisfy { !$0.isAmbiguous })
    }
}
