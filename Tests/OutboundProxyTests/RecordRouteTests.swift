import NetworkTypes
import SIP
import Testing

@testable import OutboundProxy

@Suite struct RecordRouteTests {
    @Test func `our Record-Routes come first even where the others stand above the Via`() throws {
        let proxy = ProxyHarness(trunks: [TrunkSettings(name: "itsp", domain: "203.0.113.10")])
        let text = CallTexts.inboundINVITE(uri: "sip:1000@203.0.113.1")
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let turned = ([lines[0], lines[2], lines[1]] + lines[3...]).joined(separator: "\n")
        let invite = try #require(proxy.receive(turned, on: .outside).first)
        #expect(invite.values(.recordRoute)[0] == "<sip:192.168.0.1:5060;lr;r2=on>")
        #expect(invite.values(.recordRoute)[1].hasPrefix("<sip:203.0.113.1:5060;lr;r2=on;sp="))
        #expect(invite.values(.recordRoute)[2] == "<sip:203.0.113.10;lr>")
    }
}
