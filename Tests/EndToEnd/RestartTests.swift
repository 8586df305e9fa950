import Foundation
import NetworkTypes
import Testing

@Suite("The executable: a crash in the middle")
struct RestartTests {
    @Test("After a crash the BYE of either end is routed", arguments: LiveCall.Party.allCases)
    func bye(party: LiveCall.Party) throws {
        let stage = try Stage()
        try stage.start()
        let call = try stage.outboundCall()
        try call.talk()
        try stage.restart()
        try call.hangUp(by: party)
        try stage.expectIdle()
    }

    @Test("After a crash the next offer of either end is anchored anew", arguments: LiveCall.Party.allCases)
    func reinvite(party: LiveCall.Party) throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        let call = try stage.inboundCall(contact)
        try call.talk()
        try stage.restart()
        try call.reinvite(by: party)
        try call.talk()
        try call.hangUp(by: party == .pbx ? .itsp : .pbx)
        try stage.expectIdle()
    }

    @Test("After a crash a registration's token still admits calls")
    func registration() throws {
        let stage = try Stage()
        try stage.start()
        let contact = try stage.register()
        try stage.waitForJournal()
        try stage.restart()
        let call = try stage.inboundCall(contact)
        #expect(call.invite.requestURI == "sip:s@\(stage.pbx.address);line=abc")
        try call.talk()
        try call.hangUp(by: .itsp)
        try stage.expectIdle()
        #expect(try stage.register() == contact)
    }
}

extension Stage {
    /// Waits until the registration is on the disk, which nobody does in production.
    fileprivate func waitForJournal() throws {
        let path = directory + "/state/registrations.journal"
        for _ in 0..<500 {
            let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
            if size > 100 { return }
            usleep(10_000)
        }
        Issue.record("nothing in \(path)")
    }
}
