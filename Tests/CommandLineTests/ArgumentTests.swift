import Foundation
import NetworkTypes
import Testing

@testable import sallyport

@Suite("The command line")
struct ArgumentTests {
    @Test(
        "Wrong usage and wrong configuration exit with 2",
        arguments: [
            ["bogus"], ["run", "--inside", "127.0.0.1"], ["run", "--pbx", "sip:127.0.0.1"], ["run", "--nonsense"],
            ["run", "a.yaml", "--inside", "127.0.0.1", "--outside", "127.0.0.2"],
            ["run", "--inside", "here", "--outside", "127.0.0.2"],
            ["run", "--inside", "127.0.0.1", "--outside", "127.0.0.2", "--pbx", "127.0.0.3"],
            ["run", "--inside", "127.0.0.1", "--outside", "127.0.0.1"],
            ["run", "--inside", "192.0.2.1", "--outside", "127.0.0.1"], ["run", "/nowhere.yaml"],
            ["check", "/nowhere.yaml"],
            ["status", "--admin", "here"], ["calls", "--admin", "127.0.0.1:9", "--config", "x.yaml"],
            ["status", "extra"],
            ["trunks", "--config", "/nowhere.yaml"], ["reload"], ["trace", "x"],
        ])
    func wrongUsage(arguments: [String]) { #expect(Sallyport.status(of: arguments) == 2) }

    @Test("Asking when nothing runs exits with 1", arguments: ["status", "calls", "registrations", "trunks"])
    func nothingRuns(command: String) {
        #expect(Sallyport.status(of: [command, "--admin", "127.0.0.1:1"]) == 1)
    }

    @Test("Help and version exit with 0", arguments: [["--version"], ["--help"], ["run", "--help"], []])
    func help(arguments: [String]) { #expect(Sallyport.status(of: arguments) == 0) }

    @Test("check accepts a file that fits this machine and says so with 0")
    func check() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("sallyport-check-\(UUID()).yaml")
        defer { try? FileManager.default.removeItem(at: file) }
        try
            "inside: {addresses: [127.77.0.1], listen: [udp:25998]}\noutside: {addresses: [127.77.0.2], listen: [udp:25998, tcp:25998]}\n"
            .write(
                to: file, atomically: true, encoding: .utf8)
        #expect(Sallyport.status(of: ["check", file.path]) == 0)
        try "inside: 127.0.0.1\noutside: 127.0.0.2\nnonsense: 1\n".write(to: file, atomically: true, encoding: .utf8)
        #expect(Sallyport.status(of: ["check", file.path]) == 2)
    }

    @Test("The kernel's tables of sockets are read in both families; of TCP, those that listen")
    func portsInUse() {
        var ports = PortsInUse()
        ports.add(
            """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
              29: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
              30: 00000000:2710 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2 0 0
              31: B80D0120000000000000000001000000:13C5 00000000000000000000000000000000:0000 07
              32: broken
              33: 0100:13C4
            """, of: .udp)
        ports.add(
            """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:13C6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0
               1: 0100007F:13C7 0100007F:13C6 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0
            """, of: .tcp)
        func isTaken(_ text: String, _ transport: TransportProtocol = .udp) -> Bool? {
            SocketAddress(text).map { ports.contains(transport, $0) }
        }
        #expect(isTaken("127.0.0.1:5062", .tcp) == true && isTaken("127.0.0.1:5062") == false)
        #expect(isTaken("127.0.0.1:5063", .tcp) == false && isTaken("127.0.0.1:5060", .tcp) == false)
        #expect(isTaken("127.0.0.1:5060") == true && isTaken("127.0.0.2:5060") == false)
        #expect(isTaken("192.0.2.1:10000") == true && isTaken("[2001:db8::1]:10000") == false)
        #expect(isTaken("[2001:db8::1]:5061") == true && isTaken("[2001:db8::2]:5061") == false)
    }
}
