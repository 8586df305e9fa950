import Testing

@Suite("The executable: session descriptions among other parts")
struct MultipartCallTests {
    @Test("A place beside each session description crosses with it (RFC 6442), and there is audio both ways")
    func place() throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let place = "Content-Type: application/pidf+xml\nContent-ID: <here@example.com>\n\n<presence/>\n"
        for agent in [stage.pbx, stage.itsp] { agent.companion = place }
        for call in [try stage.outboundCall(), try stage.inboundCall(contact)] {
            #expect(call.invite["Content-Type"] == "multipart/mixed; boundary=part")
            let end = "\n--part\n\(place)\n--part--\n".split(separator: "\n", omittingEmptySubsequences: false)
            #expect(call.invite.body.hasSuffix(end.joined(separator: "\r\n")))
            try call.talk()
            for party in LiveCall.Party.allCases { try call.reinvite(by: party) }
            try call.talk()
            try call.hangUp(by: .pbx)
        }
        try stage.expectIdle()
    }
}
