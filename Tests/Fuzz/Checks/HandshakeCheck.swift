import Foundation
import TLS

/// What must hold for a TLS connection whose octets are bent on the way: neither end traps, and what either reads is
/// what the other wrote, or the beginning of it.
///
/// The first octet says who goes first and how the flights are cut; then each flight meets one instruction of four
/// octets: what happens to it, where, and what with.
public enum HandshakeCheck {
    private static let rounds = 24
    private static let text = Array("OPTIONS sip:a SIP/2.0\r\n\r\n".utf8)

    private struct Contexts: @unchecked Sendable {
        let server: TLSContext
        let client: TLSContext
    }

    /// Made once: keys take longer than handshakes.
    private static let contexts: Contexts = {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            let authority = try CertificateAuthority(name: "Fuzz CA")
            let issued = try authority.issue(.init(["127.0.0.1"]))
            let files = [("ca", authority.issued.certificate), ("own", issued.certificate), ("key", issued.key)]
            for (name, octets) in files { try Data(octets).write(to: folder.appendingPathComponent(name)) }
            let settings = TLSSettings(
                certificate: folder.appendingPathComponent("own").path, key: folder.appendingPathComponent("key").path,
                authorities: .file(folder.appendingPathComponent("ca").path), clientCertificates: .required)
            return Contexts(server: try TLSContext(.server, settings), client: try TLSContext(.client, settings))
        } catch { preconditionFailure("there are no certificates: \(error)") }
    }()

    public static func run(_ input: [UInt8]) {
        guard let kind = input.first, let server = try? TLSEngine(server: contexts.server),
            let client = try? TLSEngine(client: contexts.client, to: ["127.0.0.1"])
        else { return }
        // Nothing but the input, from somebody who has never heard of TLS.
        if kind & 1 == 0 { return listen(to: Array(input.dropFirst()), server) }
        var script = input.dropFirst()
        var heard: [[UInt8]] = [[], []]
        var hasSaid = [false, false]
        try? client.start()
        for round in 0..<rounds {
            let (from, to) = round.isMultiple(of: 2) ? (client, server) : (server, client)
            let ear = round.isMultiple(of: 2) ? 1 : 0
            if from.state == .open, !hasSaid[1 - ear] {
                hasSaid[1 - ear] = true
                try? from.send(text)
            }
            let flight = bent(from.takeOutput(), Array(script.prefix(4)))
            script = script.dropFirst(4)
            let size = kind & 2 == 0 ? max(1, flight.count) : Int(kind >> 2) + 1
            for start in stride(from: 0, to: flight.count, by: size) {
                receive(Array(flight[start..<min(start + size, flight.count)]), to, &heard[ear])
            }
        }
        for heard in heard { precondition(text.starts(with: heard), "what is read is what was written") }
    }

    private static func listen(to octets: [UInt8], _ server: TLSEngine) {
        var heard: [UInt8] = []
        receive(octets, server, &heard)
        precondition(heard.isEmpty && server.state != .open, "a stranger has nothing to say")
    }

    private static func receive(_ octets: [UInt8], _ engine: TLSEngine, _ heard: inout [UInt8]) {
        unsafe octets.withUnsafeBytes { octets in try? unsafe engine.receive(octets, into: &heard) }
    }

    private static func bent(_ flight: [UInt8], _ order: [UInt8]) -> [UInt8] {
        guard order.count == 4, !flight.isEmpty else { return flight }
        let place = (Int(order[1]) << 8 | Int(order[2])) % flight.count
        var bent = flight
        switch order[0] % 8 {
        case 1: bent[place] ^= order[3]
        case 2: bent = Array(flight[..<place])
        case 3: bent = Array(flight[place...])
        case 4: bent = flight + flight
        case 5: bent.insert(contentsOf: [UInt8](repeating: order[3], count: Int(order[3])), at: place)
        case 6: bent = []
        case 7: bent[place] = order[3]
        default: break
        }
        return bent
    }
}
