import MediaRelay
import NetworkTypes
import Testing

@Suite("Offer and answer through a dialog")
struct OfferAnswerTests {
    private let scenario = AnchorScenario()

    @Test("Early media, then the same answer in the 200")
    func earlyMedia() throws {
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("203.0.113.1", 10_000))
        #expect(
            scenario.takeCommands() == [
                "open 0: 192.168.0.1:10000 203.0.113.1:10000", "prepare 0 caller 192.168.0.2:4000 for 1",
            ])
        #expect(try scenario.answer(audio("198.51.100.7", 5000)) == audio("192.168.0.1", 10_000))
        #expect(scenario.takeCommands() == ["prepare 0 callee 198.51.100.7:5000 for 1", "commit 0 to 1"])
        #expect(try scenario.answer(audio("198.51.100.7", 5000)) == audio("192.168.0.1", 10_000))
        #expect(scenario.takeCommands() == [])
        scenario.confirm()
        #expect(scenario.takeCommands() == ["watch 60"])
        scenario.confirm(fork: 3)
        scenario.close()
        #expect(scenario.takeCommands() == ["close session 7"])
        #expect(scenario.free == [20, 20])
        #expect(scenario.binder.bound.isEmpty)
    }

    @Test("The INVITE goes on to a target of the other family: rolled back, the same exchange is anchored anew")
    func otherFamily() throws {
        #expect(try scenario.offer(audio("192.168.0.2", 4000), exchange: 9) == audio("203.0.113.1", 10_000))
        try scenario.answer(audio("198.51.100.8", 6000), exchange: 9)
        scenario.rollback(9)
        scenario.callee = MediaPeer(side: .outside, family: .v6, signallingAddress: ip("2001:db8::7"))
        #expect(try scenario.offer(audio("192.168.0.2", 4000), exchange: 9).contains("c=IN IP6 2001:db8::1"))
        #expect(try scenario.answer(audio("2001:db8::7", 5000), exchange: 9).contains("c=IN IP4 192.168.0.1"))
        scenario.confirm()
        scenario.close()
        #expect(scenario.free == [20, 20])
        #expect(scenario.binder.bound.isEmpty)
    }

    @Test("The 200 moves the early media somewhere else")
    func changedAnswer() throws {
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("198.51.100.8", 6000))
        _ = scenario.takeCommands()
        #expect(try scenario.answer(audio("198.51.100.7", 5000)) == audio("192.168.0.1", 10_000))
        #expect(scenario.takeCommands() == ["prepare 0 callee 198.51.100.7:5000 for 2", "commit 0 to 2"])
    }

    @Test("A 2xx is confirmed before its answer is read")
    func confirmedFirst() throws {
        try scenario.offer(audio("192.168.0.2", 4000))
        scenario.confirm(fork: 1)
        try scenario.answer(audio("198.51.100.7", 5000), fork: 1)
        #expect(
            scenario.takeCommands().suffix(3) == [
                "prepare 0 callee 198.51.100.7:5000 for 1", "commit 0 to 1", "watch 60",
            ])
    }

    @Test("A retransmitted offer or answer is written as before and changes nothing")
    func retransmissions() throws {
        let offer = try scenario.offer(audio("192.168.0.2", 4000))
        let answer = try scenario.answer(audio("198.51.100.7", 5000))
        scenario.confirm()
        _ = scenario.takeCommands()
        #expect(try scenario.offer(audio("192.168.0.2", 4000), exchange: 1) == offer)
        #expect(try scenario.answer(audio("198.51.100.7", 5000), exchange: 1) == answer)
        #expect(try scenario.answer(audio("198.51.100.7", 5000), exchange: 99) == answer)
        #expect(scenario.takeCommands() == [])
        #expect(scenario.free == [19, 19])
    }

    @Test("A late offer comes from the callee and is answered in the ACK")
    func lateOffer() throws {
        #expect(try scenario.offer(audio("198.51.100.7", 5000), from: .callee) == audio("192.168.0.1", 10_000))
        scenario.confirm()
        #expect(
            scenario.takeCommands() == [
                "open 0: 192.168.0.1:10000 203.0.113.1:10000", "prepare 0 callee 198.51.100.7:5000 for 1",
            ])
        #expect(try scenario.answer(audio("192.168.0.2", 4000), from: .caller) == audio("203.0.113.1", 10_000))
        #expect(
            scenario.takeCommands() == ["prepare 0 caller 192.168.0.2:4000 for 1", "commit 0 to 1", "watch 60"])
    }

    @Test("A re-INVITE that moves the inside media address leaves the outside leg as it is")
    func directMedia() throws {
        try scenario.call()
        #expect(try scenario.offer(audio("192.168.0.50", 7000)) == audio("203.0.113.1", 10_000))
        #expect(try scenario.answer(audio("198.51.100.7", 5000)) == audio("192.168.0.1", 10_000))
        #expect(scenario.takeCommands() == ["prepare 0 caller 192.168.0.50:7000 for 2", "commit 0 to 2"])
        #expect(scenario.free == [19, 19])
    }

    @Test("A re-INVITE from the callee keeps all ports")
    func reverse() throws {
        try scenario.call()
        #expect(try scenario.offer(audio("198.51.100.7", 5500), from: .callee) == audio("192.168.0.1", 10_000))
        #expect(try scenario.answer(audio("192.168.0.2", 4000), from: .caller) == audio("203.0.113.1", 10_000))
        #expect(scenario.takeCommands() == ["prepare 0 callee 198.51.100.7:5500 for 2", "commit 0 to 2"])
    }

    @Test("A session refresh that repeats what is in use says nothing")
    func refresh() throws {
        try scenario.call()
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(scenario.takeCommands() == [])
    }

    @Test("A peer behind NAT may be found somewhere else after each exchange")
    func refreshBehindNAT() throws {
        scenario.callee = .phone
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("10.4.4.4", 5000))
        scenario.confirm()
        _ = scenario.takeCommands()
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("10.4.4.4", 5000))
        try scenario.answer(audio("10.4.4.4", 5000))
        #expect(scenario.takeCommands() == ["prepare 0 callee 10.4.4.4:5000 for 2", "commit 0 to 2"])
    }

    @Test("A re-INVITE that fails changes nothing")
    func failedReINVITE() throws {
        try scenario.call()
        try scenario.offer(audio("192.168.0.50", 7000) + sdp("m=video 7002 RTP/AVP 31"))
        #expect(
            scenario.takeCommands() == [
                "open 1: 192.168.0.1:10002 203.0.113.1:10002", "prepare 0 caller 192.168.0.50:7000 for 2",
                "prepare 1 caller 192.168.0.50:7002 for 2",
            ])
        scenario.rollback()
        #expect(scenario.takeCommands() == ["discard 0 2", "close 1"])
        #expect(scenario.free == [19, 19])
        scenario.rollback()
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(scenario.takeCommands() == [])
    }

    @Test("A re-INVITE that fails after an answer in a 183 puts the addresses back")
    func failedAfterAnswer() throws {
        try scenario.call()
        try scenario.offer(audio("192.168.0.50", 7000, "sendonly"))
        try scenario.answer(audio("198.51.100.7", 5002, "recvonly"))
        #expect(scenario.takeCommands().suffix(2) == ["commit 0 to 2", "watch nothing"])
        scenario.rollback()
        #expect(
            scenario.takeCommands() == [
                "prepare 0 caller 192.168.0.2:4000 for 3", "prepare 0 callee 198.51.100.7:5000 for 3", "commit 0 to 3",
                "watch 60",
            ])
    }

    @Test("Offers from both ends at once both fail")
    func glare() throws {
        try scenario.call()
        try scenario.offer(audio("192.168.0.50", 7000), from: .caller, exchange: 10)
        try scenario.offer(audio("198.51.100.8", 8000), from: .callee, exchange: 11)
        _ = scenario.takeCommands()
        scenario.rollback(10)
        scenario.rollback(11)
        #expect(scenario.takeCommands() == ["discard 0 2", "discard 0 3"])
    }

    @Test(
        "Hold and resume keep the ports; a held call is not watched",
        arguments: [
            audio("192.168.0.2", 4000, "sendonly"), audio("192.168.0.2", 4000, "inactive"), audio("0.0.0.0", 4000),
        ])
    func hold(_ hold: String) throws {
        try scenario.call()
        let held = hold.replacing("192.168.0.2", with: "203.0.113.1")
            .replacing("o=- 1 1 IN IP4 0.0.0.0", with: "o=- 1 1 IN IP4 203.0.113.1").replacing("4000", with: "10000")
        #expect(try scenario.offer(hold) == held)
        try scenario.answer(audio("198.51.100.7", 5000, "recvonly"))
        #expect(scenario.takeCommands().last == "watch nothing")
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(scenario.takeCommands().last == "watch 60")
        #expect(scenario.free == [19, 19])
    }

    @Test("T.38 takes new ports for an opaque stream, and the audio ends with the answer")
    func fax() throws {
        try scenario.call()
        let fax = audio("198.51.100.7", 5002).replacing("m=audio 5002 RTP/AVP 0", with: "m=image 5002 udptl t38")
        #expect(try scenario.offer(fax, from: .callee).contains("m=image 10002 udptl t38"))
        #expect(
            scenario.takeCommands() == [
                "open 1: 192.168.0.1:10002 203.0.113.1:10002 opaque", "prepare 1 callee 198.51.100.7:5002 for 2",
            ])
        let accepted = fax.replacing("198.51.100.7", with: "192.168.0.2").replacing("5002", with: "4000")
        #expect(try scenario.answer(accepted, from: .caller).contains("m=image 10002 udptl t38"))
        #expect(
            scenario.takeCommands() == [
                "prepare 1 caller 192.168.0.2:4000 for 2", "commit 1 to 2", "close 0", "watch nothing",
            ])
        #expect(scenario.free == [19, 19])
    }

    @Test("T.38 that is refused leaves the audio as it was")
    func refusedFax() throws {
        try scenario.call()
        try scenario.offer(
            audio("198.51.100.7", 5002).replacing("m=audio 5002 RTP/AVP 0", with: "m=image 5002 udptl t38"),
            from: .callee)
        scenario.rollback()
        #expect(scenario.takeCommands().last == "close 1")
        #expect(try scenario.offer(audio("192.168.0.2", 4000)) == audio("203.0.113.1", 10_000))
    }

    @Test("Streams come, go and come back, each with its own ports")
    func streams() throws {
        try scenario.call()
        let video = "m=video 4002 RTP/AVP 31\r\n"
        try scenario.offer(audio("192.168.0.2", 4000) + video)
        try scenario.answer(audio("198.51.100.7", 5000) + video)
        #expect(scenario.free == [18, 18])
        try scenario.offer(audio("192.168.0.2", 4000) + "m=video 0 RTP/AVP 31\r\n")
        #expect(scenario.free == [18, 18])
        _ = scenario.takeCommands()
        try scenario.answer(audio("198.51.100.7", 5000) + "m=video 0 RTP/AVP 31\r\n")
        #expect(scenario.takeCommands() == ["close 1"])
        #expect(scenario.free == [19, 19])
        #expect(try scenario.offer(audio("192.168.0.2", 4000) + video).contains("m=video 10004"))
        try scenario.answer(audio("198.51.100.7", 5000) + "m=video 0 RTP/AVP 31\r\n")
        #expect(scenario.free == [19, 19])
        #expect(scenario.binder.bound.count == 4)
    }

    @Test("An answer with fewer streams than the offer refuses the rest")
    func fewer() throws {
        try scenario.offer(audio("192.168.0.2", 4000) + "m=video 4002 RTP/AVP 31\r\n")
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(scenario.free == [18, 18])
        scenario.confirm()
        #expect(scenario.free == [19, 19])
        #expect(scenario.takeCommands().suffix(2) == ["close 1", "watch 60"])
    }

    @Test("An offer with fewer streams than before ends the others")
    func fewerOffered() throws {
        try scenario.offer(audio("192.168.0.2", 4000) + "m=video 4002 RTP/AVP 31\r\n")
        try scenario.answer(audio("198.51.100.7", 5000) + "m=video 5002 RTP/AVP 31\r\n")
        scenario.confirm()
        try scenario.offer(audio("192.168.0.2", 4000))
        try scenario.answer(audio("198.51.100.7", 5000))
        #expect(scenario.free == [19, 19])
    }

    @Test("A call without any media, and one that gets it later")
    func withoutMedia() throws {
        let empty = sdp("v=0", "o=- 1 1 IN IP4 192.168.0.2", "s=-", "t=0 0")
        try scenario.offer(empty)
        try scenario.answer(empty)
        scenario.confirm()
        #expect(scenario.takeCommands() == [])
        scenario.close()
        #expect(scenario.takeCommands() == [])
    }

    @Test("What comes for a closed session, or answers nothing, is refused")
    func unexpected() throws {
        #expect(throws: MediaRefusal.notAcceptable(.unexpectedAnswer)) {
            try scenario.answer(audio("198.51.100.7", 5000), exchange: 5)
        }
        try scenario.offer(audio("192.168.0.2", 4000))
        #expect(throws: MediaRefusal.notAcceptable(.unexpectedAnswer)) {
            try scenario.answer(audio("192.168.0.2", 4000), from: .caller)
        }
        scenario.close()
        scenario.confirm()
        scenario.rollback()
        scenario.close()
        #expect(throws: MediaRefusal.notAcceptable(.unknownSession)) { try scenario.offer(audio("192.168.0.2", 4000)) }
        #expect(throws: MediaRefusal.notAcceptable(.unknownSession)) { try scenario.answer(audio("192.168.0.2", 4000)) }
        #expect(scenario.binder.bound.isEmpty)
    }

    @Test("What signalling knows of a peer reaches the worker")
    func remotes() throws {
        func remote(_ peer: MediaPeer, _ body: String) throws -> LegRemote? {
            let anchor = MediaAnchor(settings: AnchorScenario.settings, binder: FakeBinder())
            let session = anchor.open(caller: peer, callee: .pbx)
            _ = try anchor.offer(
                ArraySlice(body.utf8), in: session, from: .caller, exchange: 1, sender: peer, receiver: .pbx)
            for case .prepare(_, _, let remote) in anchor.takeCommands() { return remote }
            return nil
        }
        var trunk = MediaPeer.trunk
        trunk.networks = [IPNetwork("198.51.100.0/28")!]
        #expect(
            try remote(trunk, audio("198.51.100.8", 5000))
                == LegRemote(
                    generation: 1, rtp: SocketAddress("198.51.100.8:5000"), rtcp: SocketAddress("198.51.100.8:5001"),
                    networks: trunk.networks))
        #expect(
            try remote(.phone, audio("10.1.1.1", 5000, "rtcp:6000 IN IP4 10.1.1.2"))
                == LegRemote(
                    generation: 1, rtp: SocketAddress("10.1.1.1:5000"), rtcp: SocketAddress("10.1.1.2:6000"),
                    signallingAddress: ip("198.51.100.99"), acceptsAnySource: true, isDestinationFixed: false))
        #expect(
            try remote(trunk, audio("media.example.org", 5000))
                == LegRemote(
                    generation: 1, rtp: SocketAddress("198.51.100.7:5000"), rtcp: SocketAddress("198.51.100.7:5001"),
                    networks: trunk.networks, signallingAddress: ip("198.51.100.7"), isDestinationFixed: false))
        #expect(
            try remote(trunk, audio("0.0.0.0", 5000))
                == LegRemote(generation: 1, rtp: nil, rtcp: nil, networks: trunk.networks))
        #expect(try remote(trunk, audio("198.51.100.7", 65_535))?.rtcp == nil)
    }

    @Test(
        "Where RTCP goes",
        arguments: [
            ("ptime:20", "198.51.100.7:5001"), ("rtcp:6000", "198.51.100.7:6000"), ("rtcp:0", nil),
            ("rtcp:6000 IN IP4 198.51.100.8", "198.51.100.8:6000"), ("rtcp:6000 IN IP4 host.example.org", nil),
            ("rtcp:6000 IN IP6 2001:db8::9", nil), ("rtcp:odd", "198.51.100.7:5001"),
            ("rtcp-mux", "198.51.100.7:5000"),
        ])
    func control(_ attribute: String, _ expected: String?) throws {
        let anchor = MediaAnchor(settings: AnchorScenario.settings, binder: FakeBinder())
        let session = anchor.open(caller: .pbx, callee: .trunk)
        _ = try anchor.offer(
            ArraySlice(audio("192.168.0.2", 4000).utf8), in: session, from: .caller, exchange: 1, sender: .pbx,
            receiver: .trunk)
        _ = try anchor.answer(
            ArraySlice(audio("198.51.100.7", 5000, attribute).utf8), in: session, from: .callee, exchange: 1, fork: 0,
            sender: .trunk)
        var rtcp: [SocketAddress?] = []
        for case .prepare(_, .callee, let remote) in anchor.takeCommands() { rtcp.append(remote.rtcp) }
        #expect(rtcp == [expected.flatMap { SocketAddress($0) }])
    }
}
