import NetworkTypes
import Testing

@testable import sallyport_bench

@Suite("Dialogs of the generator")
struct DialogTests {
    static let answer = """
        SIP/2.0 200 OK\r
        Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK1\r
        Record-Route: <sip:127.0.0.2;lr>, <sip:127.0.0.1:5070;lr>\r
        From: <sip:caller@127.0.0.1>;tag=c1\r
        To: <sip:x@127.0.0.3>;tag=a1\r
        Call-ID: 1.run\r
        CSeq: 1 INVITE\r
        Contact: <sip:answerer@127.0.0.3:5080>\r
        \r

        """

    private func dialog() throws -> Dialog {
        let response = try #require(ReceivedMessage(Array(Self.answer.utf8)))
        return try #require(Dialog(response: response, number: 1))
    }

    @Test("take the caller's route set in reverse (RFC 3261 §12.1.2)")
    func routes() throws {
        var dialog = try dialog()
        #expect(dialog.nextHop?.description == "127.0.0.1:5070")
        let (message, number) = dialog.request(.bye, via: [], contact: [])
        let bye = try #require(ReceivedMessage(message))
        #expect(number == 2)
        #expect(bye.values(.route).map { bye.text($0) } == ["<sip:127.0.0.1:5070;lr>", "<sip:127.0.0.2;lr>"])
        guard case .request(.bye, let uri) = bye.start else {
            Issue.record("not a BYE")
            return
        }
        #expect(bye.text(uri) == "sip:answerer@127.0.0.3:5080")
    }

    @Test("number ACK like its INVITE and later requests upwards")
    func numbers() throws {
        var dialog = try dialog()
        #expect(dialog.request(.ack, via: [], contact: []).number == 1)
        #expect(dialog.request(.bye, via: [], contact: []).number == 2)
    }

    static func bye(_ number: Int, from: String, to: String) -> String {
        """
        BYE sip:caller@127.0.0.1 SIP/2.0\r
        From: <sip:x@127.0.0.3>;tag=\(from)\r
        To: <sip:caller@127.0.0.1>;tag=\(to)\r
        CSeq: \(number) BYE\r
        \r

        """
    }

    @Test("notice wrong tags and old numbers")
    func faults() throws {
        var dialog = try dialog()
        let requests = try [
            Self.bye(5, from: "a1", to: "c1"), Self.bye(5, from: "a1", to: "c1"), Self.bye(6, from: "a1", to: "c1"),
            Self.bye(7, from: "zz", to: "c1"), Self.bye(7, from: "a1", to: "zz"),
        ].map { try #require(ReceivedMessage(Array($0.utf8))) }
        let faults = requests.map { dialog.fault(of: $0) }
        #expect(faults == [nil, "an old CSeq", nil, "a wrong From tag", "a wrong To tag"])
    }
}

@Suite("Retransmissions")
struct RetransmissionTests {
    private func sendTimes(isInvite: Bool) -> [Double] {
        let start = Instant(nanoseconds: 1_000_000_000)
        var transmission = Retransmission(
            of: [], to: SocketAddress(IPAddress(v4: 1), 1), isInvite: isInvite, at: start)
        var times: [Double] = []
        while true {
            let now = transmission.nextDeadline
            switch transmission.due(at: now) {
            case .nothing: break
            case .send: times.append((now - start).seconds)
            case .timeout: return times + [(now - start).seconds]
            }
        }
    }

    @Test("of INVITE double until timer B (RFC 3261 §17.1.1.2)")
    func invite() { #expect(sendTimes(isInvite: true) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5, 32]) }

    @Test("of other requests stop doubling at T2 (RFC 3261 §17.1.2.2)")
    func other() {
        #expect(sendTimes(isInvite: false) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5, 32])
    }

    @Test("pause after a provisional response")
    func pause() {
        var transmission = Retransmission(of: [], to: SocketAddress(IPAddress(v4: 1), 1), isInvite: true, at: .zero)
        transmission.pause(at: .zero, patience: .seconds(45))
        #expect(transmission.nextDeadline == .zero + .seconds(45))
    }
}
