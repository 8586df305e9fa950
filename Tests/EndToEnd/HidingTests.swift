import Foundation
import NetworkTypes
import Testing

/// Topology hiding with the real executable: every message that reaches the ITSP is scanned by its end (``UserAgent``).
@Suite("The executable: topology hiding")
struct HidingTests {
    @Test("REFER with Replaces, NOTIFY, MESSAGE, INFO, PUBLISH and SUBSCRIBE cross a trunk both ways")
    func methods() throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let call = try stage.outboundCall(callID: "telling@\(stage.pbx.address)")
        #expect(!call.itsp.callID.contains("telling"))
        for method in ["MESSAGE", "INFO", "PUBLISH", "SUBSCRIBE", "NOTIFY", "REFER"] {
            let (inner, outer) = (replaces(call.pbx.callID), replaces(call.itsp.callID))
            let own = "<sip:1000@\(stage.pbx.address.ip)>"
            send(
                method, by: stage.pbx, to: stage.inside, uri: "sip:tone@\(stage.itsp.address)", from: own,
                referTo: inner, callID: "\(method)@\(stage.pbx.address.ip)", route: true)
            let out = try stage.itsp.expect(method)
            #expect(out["From"] == "<sip:1000@\(stage.outside.ip)>;tag=\(method)" && out.values("Via").count == 1)
            #expect(method != "REFER" || out["Refer-To"] == outer)
            try stage.itsp.answer("202 Accepted", to: out, tag: "t", "Contact: <sip:tone@\(stage.itsp.address)>")
            let accepted = try stage.pbx.expect("202 \(method)")
            #expect(accepted["From"] == "\(own);tag=\(method)")
            #expect(accepted["Call-ID"] == "\(method)@\(stage.pbx.address.ip)")

            send(
                method, by: stage.itsp, to: stage.outside, uri: contact, from: "<sip:tone@\(stage.itsp.address.ip)>",
                referTo: outer, callID: "\(method)-their-own", route: false)
            let into = try stage.pbx.expect(method)
            #expect(
                into["Call-ID"] == "\(method)-their-own" && into.requestURI == "sip:s@\(stage.pbx.address);line=abc")
            #expect(method != "REFER" || into["Refer-To"] == inner)
            try stage.pbx.answer(
                "202 Accepted", to: into, tag: "t",
                "Contact: <sip:s@\(stage.pbx.address)>\nWarning: 399 \(stage.pbx.address) \"odd\"")
            let taken = try stage.itsp.expect("202 \(method)")
            #expect(taken["Warning"] == "399 \(stage.outside) \"odd\"")
        }
        try call.hangUp(by: .itsp)
        try stage.expectIdle()
    }

    @Test("A call whose Call-ID is hidden outlives a restart, and comes to its own shard from either side")
    func hiddenCallID() throws {
        let stage = try Stage()
        try stage.start()
        var calls: [LiveCall] = []
        for number in 0..<8 { calls.append(try stage.outboundCall(callID: "\(number)@\(stage.pbx.address.ip)")) }
        for call in calls.prefix(4) {
            try call.reinvite(by: .itsp)
            try call.reinvite(by: .pbx)
            try call.hangUp(by: .itsp)
        }
        try stage.restart()
        for call in calls.suffix(4) { try call.hangUp(by: .itsp) }
        try stage.expectIdle()
    }

    /// A Refer-To of which the dialog is the part that changes.
    private func replaces(_ callID: String) -> String {
        let escaped = callID.replacingOccurrences(of: "@", with: "%40")
        return "<sip:2000@example.org?Replaces=\(escaped)%3Bto-tag%3D1%3Bfrom-tag%3D2>"
    }

    private func send(
        _ method: String, by agent: UserAgent, to edge: SocketAddress, uri: String, from: String, referTo: String,
        callID: String, route: Bool
    ) {
        let extra =
            switch method {
            case "REFER": "Refer-To: \(referTo)\nContact: <sip:1000@\(agent.address)>"
            case "SUBSCRIBE", "NOTIFY": "Event: message-summary\nContact: <sip:1000@\(agent.address)>"
            case "PUBLISH": "Event: presence"
            default: "X-Note: 1"
            }
        agent.send(
            """
            \(method) \(uri) SIP/2.0
            Via: \(agent.via())
            Max-Forwards: 70
            \(route ? "Route: <sip:\(edge);lr>\n" : "")From: \(from);tag=\(method)
            To: <\(uri.components(separatedBy: ";")[0])>
            Call-ID: \(callID)
            CSeq: 1 \(method)
            \(extra)
            """, to: edge)
    }
}
