import DTLS
import Foundation
import Glibc
import NetworkTypes
import Testing

/// OpenSSL's own programs as the peer, over a socket.
@Suite("DTLS with another program", .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")))
struct InteroperationTests {
    private let directory = FileManager.default.temporaryDirectory.appendingPathComponent("dtls-\(UUID())").path

    /// A program that ends when its input does: where tests run, signals are blocked, and so they are in what they start.
    private func openssl(_ arguments: String...) throws -> (process: Process, input: Pipe, output: Pipe) {
        let (process, input, output) = (Process(), Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = input
        try process.run()
        return (process, input, output)
    }

    private func run(_ arguments: String...) throws -> String {
        let (process, output) = (Process(), Pipe())
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self)
    }

    /// An RSA certificate, as old peers have; what it is known by.
    private func certify() throws -> CertificateFingerprint {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        _ = try run(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "\(directory)/key.pem", "-out",
            "\(directory)/certificate.pem", "-days", "1", "-subj", "/CN=peer")
        let text = try run("x509", "-in", "\(directory)/certificate.pem", "-noout", "-fingerprint", "-sha384")
        let digits = try #require(text.split(separator: "=").last).split(separator: ":")
        let octets = digits.compactMap { UInt8($0.trimmingCharacters(in: .whitespacesAndNewlines), radix: 16) }
        return try #require(CertificateFingerprint(.sha384, octets))
    }

    @Test("openssl s_client with use_srtp agrees on the same keys, also in fragments", arguments: [1400, 300])
    func client(_ largest: Int) throws {
        let fingerprint = try certify()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let socket = try Socket()
        defer { close(socket.descriptor) }
        let association = try DTLSAssociation(
            server: DTLSIdentity(), expecting: [fingerprint], secret: .random())
        let (process, input, output) = try openssl(
            "s_client", "-dtls1_2", "-connect", "127.0.0.1:\(socket.port)", "-cert", "\(directory)/certificate.pem",
            "-key", "\(directory)/key.pem", "-use_srtp", "SRTP_AES128_CM_SHA1_80", "-keymatexport",
            "EXTRACTOR-dtls_srtp", "-keymatexportlen", "60", "-cipher",
            "ECDHE-ECDSA-AES128-GCM-SHA256", "-mtu", "\(largest)")
        defer {
            try? input.fileHandleForWriting.close()
            process.waitUntilExit()
        }
        let end = Link.now + .seconds(20)
        var received: [Int] = []
        while association.state != .established, Link.now < end {
            if let (datagram, source) = socket.receive(within: 100) {
                received.append(datagram.count)
                association.receive(datagram, from: source, at: Link.now)
                for answer in association.takeOutput() { socket.send(answer, to: source) }
            }
            association.handleTimeout(at: Link.now)
        }
        // Its certificate alone takes 800 octets.
        #expect(received.allSatisfy { $0 <= largest } && (largest == 1400 || received.count > 5))
        let keys = try #require(association.keys)
        #expect(keys.inbound.suite == .aes128SHA1x80)
        var text = ""
        let marker = "Keying material: "
        while Link.now < end, text.firstRange(of: marker) == nil || !text.hasSuffix("\n") {
            text += String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        }
        let all = keys.inbound.key + keys.outbound.key + keys.inbound.salt + keys.outbound.salt
        let expected = all.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
        #expect(text.contains(marker + expected))
    }
}

/// A UDP socket on loopback.
private struct Socket {
    let descriptor: Int32
    let port: UInt16

    struct Unavailable: Error {}

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) | getsockname(descriptor, $0, &length)
            }
        }
        guard descriptor >= 0, result == 0 else { throw Unavailable() }
        self.descriptor = descriptor
        port = UInt16(bigEndian: address.sin_port)
    }

    func receive(within milliseconds: Int32) -> (datagram: [UInt8], source: SocketAddress)? {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, milliseconds) == 1 else { return nil }
        var datagram = [UInt8](repeating: 0, count: 4096)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                recvfrom(descriptor, &datagram, datagram.count, 0, $0, &length)
            }
        }
        guard count > 0 else { return nil }
        let source = SocketAddress(
            IPAddress(v4: UInt32(bigEndian: address.sin_addr.s_addr)), UInt16(bigEndian: address.sin_port))
        return (Array(datagram.prefix(count)), source)
    }

    func send(_ datagram: [UInt8], to destination: SocketAddress) {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = destination.port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = sendto(
                    descriptor, datagram, datagram.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
