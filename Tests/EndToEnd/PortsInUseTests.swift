import NetworkTypes
import Testing

@testable import sallyport

@Suite("Ports in use")
struct PortsInUseTests {
    @Test("All bound ports are seen, however long the kernel's list is")
    func many() throws {
        let peers = try (0..<300).map { _ in try LoopbackPeer() }
        let table = PortsInUse.ofThisMachine()
        #expect(peers.allSatisfy { table.contains(.udp, $0.address) })
    }
}
