import Admin
import Foundation
import NetworkTypes
import Testing

@Suite("The executable: connections that end in the middle")
struct LostConnectionTests {
    /// How far a call gets until its connections go.
    enum State: Int, CaseIterable, Sendable { case written, offered, ringing, answered, confirmed, ending, cancelled }

    @Test(
        "security 34: whoever closes or resets its connections in whichever state, the next call is as good as any",
        arguments: State.allCases)
    func lost(state: State) throws {
        let stage = try Stage(pbxOver: .tcp, itspOver: .tcp)
        let process = try stage.start()
        for (party, reset) in [(0, false), (0, true), (1, false), (1, true), (2, true)] {
            let callID = try begin(stage, upTo: state)
            // What becomes of it may be told at any time.
            for agent in [stage.pbx, stage.itsp] { agent.forgotten.insert(callID) }
            if party != 1 { stage.pbx.streams?.disconnect(reset: reset) }
            if party != 0 { stage.itsp.streams?.disconnect(reset: reset) }
            usleep(20_000)
            stage.pbx.streams?.disconnect()
            stage.itsp.streams?.disconnect()
            let call = try stage.outboundCall()
            try call.talk(packets: 2)
            try call.hangUp(by: .itsp)
        }
        #expect(try stage.status().calls.now <= 5)
        #expect(process.exitStatus(within: 0) == nil && !process.text.contains("Fatal error"))
    }

    /// A call up to that state; its Call-ID.
    private func begin(_ stage: Stage, upTo state: State) throws -> String {
        let media = try stage.pbx.media()
        let uri = "sip:1800@\(stage.itsp.address)\(stage.itsp.parameter)"
        let (via, callID) = (stage.pbx.via(), UUID().uuidString)
        let head = """
            Max-Forwards: 70
            Route: <sip:\(stage.inside)\(stage.pbx.parameter);lr>
            From: <sip:account1@\(stage.itsp.address)>;tag=pbx
            To: <\(uri)>
            Call-ID: \(callID)
            """
        stage.pbx.send(
            """
            INVITE \(uri) SIP/2.0
            Via: \(via)
            \(head)
            CSeq: 1 INVITE
            Contact: <sip:account1@\(stage.pbx.address)\(stage.pbx.parameter)>
            """, body: media.description(), to: stage.inside)
        guard state != .written else { return callID }
        let invite = try stage.itsp.expect("INVITE")
        guard state != .offered else { return callID }
        try stage.itsp.answer("180 Ringing", to: invite, tag: "itsp")
        _ = try stage.pbx.expect("180 INVITE")
        if state == .cancelled {
            stage.pbx.send("CANCEL \(uri) SIP/2.0\nVia: \(via)\n\(head)\nCSeq: 1 CANCEL", to: stage.inside)
            return callID
        }
        guard state != .ringing else { return callID }
        let contact = "Contact: <sip:1800@\(stage.itsp.address)\(stage.itsp.parameter)>"
        try stage.itsp.answer("200 OK", to: invite, tag: "itsp", contact, body: media.description())
        var caller = DialogEnd(caller: stage.pbx, try stage.pbx.expect("200 INVITE"))
        guard state != .answered else { return callID }
        try caller.send("ACK")
        guard state != .confirmed else { return callID }
        try caller.send("BYE")
        return callID
    }
}
