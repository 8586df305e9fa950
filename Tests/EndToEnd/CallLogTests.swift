import Admin
import Foundation
import NetworkTypes
import TestSupport
import Testing

@testable import sallyport

@Suite("The executable: call records")
struct CallLogTests {
    private struct Record: Decodable {
        struct Leg: Decodable {
            let side: String
            let security: String
            let codec: String?
            let local: String
            let remote: String?
            let packets: Int
            let lost: Int
            let mos: Double?
            let rtt_ms: Double?
            let remote_lost: Int?
            let dropped: [String: Int]?
        }

        let call_id: String
        let outside_call_id: String?
        let direction: String
        let from_user: String?
        let to_user: String?
        let start: String
        let ring: String?
        let answer: String?
        let end: String
        let duration: Double?
        let status: Int?
        let reason: String
        let ended_by: String
        let inside: String?
        let outside: String?
        let legs: [Leg]
    }

    private static let newline = UInt8(ascii: "\n")

    private func records(_ path: String, count: Int) throws -> [Record] {
        var text: [UInt8] = []
        let areWritten = eventually {
            text = (try? File(path, O_RDONLY).contents(limit: 1 << 24)) ?? []
            return text.count { $0 == Self.newline } >= count && text.last ?? Self.newline == Self.newline
        }
        #expect(areWritten, "not \(count) records in \(path)")
        return try text.split(separator: Self.newline).map { try JSONDecoder().decode(Record.self, from: Data($0)) }
    }

    /// The PBX begins a call; its INVITE, as the ITSP gets it.
    private func invite(_ stage: Stage, callID: String) throws -> WireMessage {
        stage.dial(callID: callID, try stage.pbx.media())
        return try stage.itsp.expect("INVITE")
    }

    /// A report about the source of a peer's packets.
    private func report(on packet: [UInt8], lost: UInt8, last: [UInt8]) -> [UInt8] {
        [0x81, 201, 0, 7, 0, 0, 0, 9] + packet[8..<12] + [0x20, 0, 0, lost, 0, 0, 0, 9, 0, 0, 0, 0] + last + [
            0, 0, 0, 0,
        ]
    }

    @Test("A call's record says who, when and why, and how its media did on both legs")
    func answered() throws {
        let stage = try Stage(log: ", calls: calls.json")
        try stage.start()
        let call = try stage.outboundCall(callID: "record-1@\(stage.pbx.address.ip)")
        try call.talk(packets: 20)
        let packet = call.pbxMedia.packet()
        // A sender report of the PBX, and a receiver report of the ITSP about it.
        let remote = try #require(call.pbxMedia.remote)
        let time: [UInt8] = [1, 2, 3, 4]
        let sender = [0x80, 200, 0, 6] + packet[8..<12] + [0, 0] + time + [0, 0] + [UInt8](repeating: 0, count: 12)
        call.pbxMedia.rtcp.send(sender, to: SocketAddress(remote.ip, remote.port + 1))
        #expect(call.itspMedia.rtcp.receive()?.packet == sender)
        let outside = try #require(call.itspMedia.remote)
        let back = report(on: packet, lost: 3, last: time)
        call.itspMedia.rtcp.send(back, to: SocketAddress(outside.ip, outside.port + 1))
        #expect(call.pbxMedia.rtcp.receive()?.packet == back)
        let live = try #require(try stage.calls().first)
        let leg = try #require(live.legs.first { $0.side == "outside" })
        #expect(leg.codec == "PCMU" && leg.roundTripMilliseconds != nil && leg.remoteLoss == 0.125)
        #expect(try stage.page("calls").contains("MOS "))
        try call.hangUp(by: .itsp)
        let record = try #require(try records(stage.directory + "/calls.json", count: 1).first)
        #expect(record.call_id == "record-1@\(stage.pbx.address.ip)" && record.outside_call_id != nil)
        #expect(record.direction == "outbound" && record.ended_by == "outside" && record.status == nil)
        #expect(record.from_user == "account1" && record.to_user == "18005551212")
        #expect(record.reason == "hung up from outside" && (record.duration ?? -1) >= 0)
        #expect(record.ring != nil && record.answer != nil && record.start <= record.end)
        #expect(record.inside == "\(stage.pbx.address)" && record.outside == "\(stage.itsp.address)")
        for (side, media) in [("inside", call.pbxMedia), ("outside", call.itspMedia)] {
            let leg = try #require(record.legs.first { $0.side == side })
            #expect(leg.security == "rtp" && leg.codec == "PCMU" && leg.packets == 20 && leg.lost == 0)
            #expect(leg.local == "\(try #require(media.remote))" && leg.remote == "\(media.rtp.address)")
            #expect((leg.mos ?? 0) > 2 && leg.dropped == nil)
            #expect((leg.rtt_ms != nil) == (side == "outside") && leg.remote_lost == (side == "outside" ? 3 : nil))
        }
        let metrics = try stage.page("metrics")
        #expect(metrics.contains("sallyport_media_mos_bucket{le=\"4.5\"} 1\n"))
        #expect(metrics.contains("sallyport_media_mos_count 1\n"))
        try stage.expectIdle()
    }

    @Test("Calls that are up when the process ends have a record, whether they are answered or ring")
    func ending() throws {
        let stage = try Stage(log: ", calls: calls.json")
        let process = try stage.start()
        let call = try stage.outboundCall(callID: "up")
        try call.talk(packets: 20)
        try stage.itsp.answer("180 Ringing", to: try invite(stage, callID: "ringing"), tag: "ringing")
        _ = try stage.pbx.expect("180 INVITE")
        process.signal(SIGTERM)
        #expect(process.exitStatus(within: 30) == 0, "\(process.text)")
        let all = try records(stage.directory + "/calls.json", count: 2)
        #expect(all.count == 2 && all.allSatisfy { $0.ended_by == "proxy" && $0.status == nil })
        let up = try #require(all.first { $0.call_id == "up" })
        #expect(up.reason == "the process ended while the call was up")
        #expect(up.answer != nil && (up.duration ?? -1) >= 0 && up.start <= up.end)
        #expect(up.legs.count == 2 && up.legs.allSatisfy { $0.packets == 20 && ($0.mos ?? 0) > 2 })
        let ringing = try #require(all.first { $0.call_id == "ringing" })
        #expect(ringing.reason == "the process ended while the call was being set up")
        #expect(ringing.ring != nil && ringing.answer == nil && ringing.duration == nil)
    }

    @Test("Calls of several shards that are up when the process ends have a record each")
    func endingShards() throws {
        let stage = try Stage(log: ", calls: calls.json")
        let daemon = try DaemonThread(stage, shards: 3)
        try stage.waitUntilReady()
        let calls = try (0..<12).map { try stage.outboundCall(callID: "call-\($0)") }
        for call in calls { try call.talk(packets: 2) }
        #expect(try daemon.stop() == 0)
        let all = try records(stage.directory + "/calls.json", count: 12)
        #expect(Set(all.map(\.call_id)) == Set((0..<12).map { "call-\($0)" }) && all.count == 12)
        #expect(all.allSatisfy { $0.legs.count == 2 && $0.legs.allSatisfy { $0.packets == 2 } })
    }

    @Test("A full disk does not keep the process from ending, which says what is lost")
    func fullDisk() throws {
        let stage = try Stage(log: ", calls: /dev/full")
        let process = try stage.start()
        try stage.outboundCall().talk(packets: 1)
        process.signal(SIGTERM)
        #expect(process.exitStatus(within: 30) == 0, "\(process.text)")
        #expect(process.text.contains("call records are lost"))
    }

    @Test("Calls that fail have a record, too; SIGHUP goes on in a new file")
    func failed() throws {
        let stage = try Stage(log: ", calls: calls.json")
        let process = try stage.start()
        let path = stage.directory + "/calls.json"
        for (number, status) in ["486 Busy Here", "404 Not Found"].enumerated() {
            let invite = try invite(stage, callID: "failed-\(number)")
            try stage.itsp.answer(status, to: invite, tag: "no")
            _ = try stage.itsp.expect("ACK")
            _ = try stage.pbx.expect("\(status.prefix(3)) INVITE")
            let record = try #require(try records(path, count: 1).first)
            #expect(record.call_id == "failed-\(number)" && record.status == Int(status.prefix(3)))
            #expect(record.reason == status && record.ended_by == "outside" && record.duration == nil)
            #expect(record.legs.allSatisfy { $0.packets == 0 && $0.mos == nil })
            if number == 0 {
                try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
                process.signal(SIGHUP)
                #expect(eventually { FileManager.default.fileExists(atPath: path) })
            }
        }
        #expect(try records(path + ".1", count: 1).count == 1)
    }
}
