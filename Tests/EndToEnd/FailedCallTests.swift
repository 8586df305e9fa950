import Foundation
import NetworkTypes
import Testing

@Suite("The executable: calls that come to nothing")
struct FailedCallTests {
    /// What the command line says of the running process.
    private func failed(_ stage: Stage, _ options: String...) throws -> String {
        let run = try ProxyProcess.run(["calls", "--failed", "--admin", "\(stage.admin)"] + options)
        #expect(run.status == 0, "\(run.output)")
        return run.output
    }

    private func invite(_ stage: Stage, _ uri: String, callID: String, extra: String = "") {
        stage.pbx.send(
            """
            INVITE \(uri) SIP/2.0
            Via: \(stage.pbx.via())
            Max-Forwards: 70\(extra)
            Route: <sip:\(stage.inside);lr>
            From: <sip:account1@\(stage.itsp.address)>;tag=pbx
            To: <\(uri)>
            Call-ID: \(callID)
            CSeq: 1 INVITE
            Contact: <sip:account1@\(stage.pbx.address)>
            """, to: stage.inside)
    }

    private func acknowledge(_ answer: WireMessage, _ stage: Stage, _ uri: String) {
        stage.pbx.send(
            """
            ACK \(uri) SIP/2.0
            Via: \(answer["Via"])
            Max-Forwards: 70
            From: \(answer["From"])
            To: \(answer["To"])
            Call-ID: \(answer["Call-ID"])
            CSeq: 1 ACK
            """, to: stage.inside)
    }

    @Test("calls --failed names each refused call with its reason in words, and none that went well")
    func reasons() throws {
        let stage = try Stage(
            extra: "trunks: [{name: poor, domain: poor.example, networks: [\"ITSP\"], max_calls: 1}]")
        try stage.start()
        #expect(!(try failed(stage)).contains("good-call"))
        let call = try stage.outboundCall(callID: "good-call")
        try call.hangUp(by: .pbx)
        let target = "sip:18005551212@\(stage.itsp.address)"
        // Refused by the ITSP.
        invite(stage, target, callID: "busy-call")
        let offered = try stage.itsp.expect("INVITE")
        try stage.itsp.answer("486 Gone Fishing", to: offered, tag: "i")
        acknowledge(try stage.pbx.expect("486 INVITE"), stage, target)
        _ = try stage.itsp.expect("ACK")
        // Refused by us: an extension that we lack, a host that is us, a number of hops.
        for (callID, uri, extra, status) in [
            ("odd-call", target, "\nProxy-Require: teleport", "420"),
            ("loop-call", "sip:nobody@\(stage.inside)", "", "404"),
            ("port-call", "sip:1@\(stage.itsp.address.ip):0", "", "400"),
        ] {
            invite(stage, uri, callID: callID, extra: extra)
            acknowledge(try stage.pbx.expect("\(status) INVITE"), stage, uri)
        }
        // Refused for what the configuration allows.
        for number in 0..<8 { invite(stage, target, callID: "many-call-\(number)") }
        var refused: WireMessage?
        for _ in 0..<40 where refused == nil {
            guard let answer = stage.pbx.next(within: 1) else { break }
            if answer.kind == "503 INVITE" { refused = answer }
        }
        let many = try #require(refused)
        #expect(!many["Retry-After"].isEmpty)
        let text = try failed(stage)
        for (callID, reason) in [
            ("busy-call", "486 Gone Fishing"), ("odd-call", "420 Bad Extension"), ("loop-call", "404 Not Found"),
            ("port-call", "400 Port 0"), (many["Call-ID"], String(many.startLine.dropFirst("SIP/2.0 ".count))),
        ] {
            let line = text.components(separatedBy: "\n").first { $0.contains(callID) }
            #expect(line?.contains(reason) == true, "\(callID): \(reason)\n\(text)")
        }
        #expect(!text.contains("good-call"))
        let json = try failed(stage, "--json")
        #expect(json.hasPrefix("[") && json.contains("\"486 Gone Fishing\"") && json.contains("busy-call"))
        #expect(!(try ProxyProcess.run(["calls", "--admin", "\(stage.admin)"]).output.contains("busy-call")))
    }
}
